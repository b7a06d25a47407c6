"""`make kafka`: a broker in the foreground until Ctrl-C, and how to reach it."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path
from threading import Event

from woonketen.contracts.errors import WoonketenError
from woonketen.orchestration.kafka.broker import ADMIN, Broker, running

POLL_SECONDS = 0.5


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m woonketen.orchestration.kafka", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(".kafka"), help="the broker's folder; kept (default .kafka)")
    parser.add_argument("--certificate", type=Path, help="PEM with private key and certificates: it serves by TLS too")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of sentences")
    parser.add_argument("--while", dest="pid", type=int, help="end when this process has ended")
    given = parser.parse_args()
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    began = time.monotonic()
    try:
        with running(given.data, certificate=given.certificate, say=say) as broker:
            tell(broker, given.json, time.monotonic() - began)
            while not stop.wait(POLL_SECONDS) and broker.alive() and (given.pid is None or lives(given.pid)):
                pass
            if not stop.is_set() and not broker.alive():
                raise WoonketenError("Kafka has ended by itself.", f"See {broker.log}.")
    except WoonketenError as error:
        print(f"kafka: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    return 0


def say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201


def tell(broker: Broker, as_json: bool, seconds: float) -> None:
    if as_json:
        print(json.dumps(broker.settings()), flush=True)  # noqa: T201
        return
    print(  # noqa: T201
        f"Kafka serves at {broker.bootstrap} (SASL_PLAINTEXT, SCRAM-SHA-512; ready in {seconds:.1f} s)\n"
        + (f"and at {broker.secured} (SASL_SSL)\n" if broker.certificate else "")
        + f"user {ADMIN}, password in {broker.password_file}\nlog: {broker.log}\n\nIn woonketen.toml:\n\n"
        'engine = "kafka"\n' + "".join(f'{name} = "{value}"\n' for name, value in broker.settings().items())
        + "\nCtrl-C stops it; the data stay.",
        flush=True,
    )  # fmt: skip


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
