"""The data steward's standing work: what is watched, what is done when, and the alerts that come of it.

`watching` and `alerts` are plain and know no Dagster; `commands`, `assets`, `jobs`, `schedules` and `sensors` are what
`orchestration/definitions.py` shows in Dagster. Jobs run the same commands that a person runs.
"""
