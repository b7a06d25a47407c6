"""The door: what partners send becomes facts on the log, or gets a receipt that says why not.

`admission` begins it, `admit` decides; the rest is what stands at the door, and what is written in its transaction."""
