"""Faust by itself, for comparison: `python faust_alone.py idle|naive N`, with the worker's settings, on a filled topic.

`idle`: takes what is delivered, by the worker's own pattern, and does nothing. `naive`: what one writes first: an agent
that decodes each event and upserts it by itself into a table of its own; a far smaller fold than any view of ours.
Prints events per second, from the first event to the last.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import faust
import psycopg

from woonketen.streams.kafka.faust_driver import TAKE, WITHIN, _settings
from woonketen.streams.kafka.link import Link
from woonketen.streams.log import wire


def main() -> None:
    kind, wanted = sys.argv[1], int(sys.argv[2])
    told = json.loads(sys.stdin.read())
    link, dsn = Link(**told["link"]), told["dsn"]
    with tempfile.TemporaryDirectory() as folder:
        settings = _settings(link, Path(folder))
        app = faust.App(f"{link.prefix}bench-{kind}-{os.getpid()}", **settings)
        topic = app.topic(link.events, value_type=bytes, value_serializer="raw", key_type=bytes, key_serializer="raw")
        state: dict[str, Any] = {"seen": 0, "began": 0.0}

        def count(n: int) -> None:
            state["began"] = state["began"] or time.monotonic()
            state["seen"] += n
            if state["seen"] >= wanted:
                print(json.dumps({"rate": state["seen"] / (time.monotonic() - state["began"])}), flush=True)
                os._exit(0)

        async def idle(stream: Any) -> None:
            async for events in stream.noack_take(TAKE, within=WITHIN):
                for event in events:
                    event.ack()
                count(len(events))

        async def naive(stream: Any) -> None:
            connection = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
            await connection.execute(
                "CREATE TABLE IF NOT EXISTS naive (ref bytea PRIMARY KEY, events int NOT NULL, day date NOT NULL)"
            )
            async for event in stream.events():
                record = wire.decode(event.value)
                await connection.execute(
                    "INSERT INTO naive AS n VALUES (%b, 1, %s) ON CONFLICT (ref)"
                    " DO UPDATE SET events = n.events + 1, day = greatest(n.day, excluded.day)",
                    [record.ref or b"", record.day],
                )
                count(1)

        app.agent(topic, name=kind)({"idle": idle, "naive": naive}[kind])
        worker = faust.Worker(app, loglevel="ERROR", quiet=True, redirect_stdouts=False)
        worker.spinner = None
        worker.execute_from_commandline()


if __name__ == "__main__":
    main()
