"""The pure core: from the facts of a resident to warnings at the close of a day, and to the rows on the open one.

`step` begins it. No clock, no I/O, no environment: the same facts, day and world give the same bytes."""
