"""The data steward's checks, from the log to a history of counts.

`examine` opens the facts and leaves booleans behind, as the processor; `counts` counts them in SQL, and `suites` runs
them as Great Expectations suites, both in the role of who only reads quality; `running` does one after the other.
"""
