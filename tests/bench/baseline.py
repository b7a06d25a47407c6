"""Reading, decrypting and decoding every event of some partitions, and nothing else: what the rebuild is compared with.
It uses the very reader, vault and decoder of the rebuild; `plainly` reads in the log's own order instead, page by page.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import psycopg

from woonketen.contracts.facts import Fact, Record
from woonketen.streams.drive.rebuild import GATHERED
from woonketen.streams.drive.states import opened
from woonketen.streams.keys.kek import load_kek
from woonketen.streams.keys.vault import PostgresVault
from woonketen.streams.log.postgres import PostgresLog


def read_all(dsn: str, kek: Path, data: Path, part: int, parts: int, plainly: bool) -> int:
    """How many facts there are about residents in every `parts`-th partition."""
    facts = 0
    with psycopg.connect(dsn, autocommit=True) as reading, psycopg.connect(dsn, autocommit=True) as asking:
        vault = PostgresVault(asking, load_kek(kek, data))
        log = PostgresLog(reading, vault)
        for partition, end in sorted(log.ends().items()):
            if partition % parts == part:
                records = pages(log, partition) if plainly else log.stream_residents(partition, end)
                while gathered := list(islice(records, GATHERED)):
                    facts += sum(isinstance(each, Fact) for each in opened(gathered, vault))
    return facts


def pages(log: PostgresLog, partition: int) -> Iterator[Record]:
    last = 0
    while page := log.read(partition, last, GATHERED):
        last = page[-1].seq
        yield from (record for record in page if record.kind == "fact")
