"""`woonketen-publish`, the partner's command. Needs neither PostgreSQL nor the web stack; the libraries of a way to
deliver are imported when that way is taken."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO, NoReturn

import click
import msgspec

from woonketen.contracts.errors import ConfigurationError, WoonketenError
from woonketen.producers import checking
from woonketen.producers.delivery import Delivered, Sender, deliver
from woonketen.producers.outbox import STATES, Outbox, Status, look
from woonketen.producers.progress import Teller, duration
from woonketen.producers.readers import FORMATS, read
from woonketen.producers.storing import Storing, store

DEFAULT_CONFIG = "woonketen-publish.toml"
DEFAULT_OUTBOX = "woonketen-outbox.sqlite"
PATIENCE = 2 * 3600.0
STOPPED = 130


class Stopper:
    """Ctrl-C or a stop by the service manager: what is under way is finished; a second one ends at once."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.at_once = True
        """While a file is read: nothing half-done can be left, and a read may wait for ever."""

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.at_once or self.asked.is_set():
            raise KeyboardInterrupt
        self.asked.set()


def _configured(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Options from the configuration file lie below those of the command line."""
    path = Path(value or DEFAULT_CONFIG)
    if path.exists():
        try:
            found = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise ConfigurationError(f"{path} is not a TOML file.", "Write one `key = value` a line.") from None
        known = {option.name for option in ctx.command.params}
        if unknown := sorted(key for key in found if key.replace("-", "_") not in known):
            raise ConfigurationError(f"{path} has an unknown key: {', '.join(unknown)}.", "Keys are names of options.")
        beside = path.with_name(DEFAULT_OUTBOX)
        ctx.default_map = {"outbox": str(beside)} | {key.replace("-", "_"): item for key, item in found.items()}
    elif value is not None:
        raise ConfigurationError(f"There is no configuration file {path}.", "Name one that exists with --config.")
    return value


@click.command(context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "WOONKETEN_PUBLISH"})
@click.argument("file", type=click.File("rb"), required=False, metavar="[FILE]")
@click.option("--to", metavar="ADDRESS", help="https://host, or kafka://host:port.")
@click.option("--client-id", metavar="ID", help="HTTPS: who you are.")
@click.option("--key", type=click.Path(path_type=Path), metavar="JWK", help="HTTPS: the file with your private key.")
@click.option("--user", metavar="USER", help="Kafka: the user that the operator gave you.")
@click.option("--password-file", type=click.Path(path_type=Path), metavar="FILE", help="Kafka: holds its password.")
@click.option("--topic", metavar="TOPIC", help="Kafka: when it does not follow from the user.")
@click.option("--security", type=click.Choice(["sasl_ssl", "sasl_plaintext", "plaintext"]), help="Kafka: default TLS.")
@click.option("--ca", type=click.Path(path_type=Path), metavar="FILE", help="Certificates to trust, in PEM.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="cloudevents", show_default=True)
@click.option("--source", multiple=True, metavar="URN", help="Your registered source; needed for csv and xlsx.")
@click.option(
    "--outbox", type=click.Path(path_type=Path), metavar="PATH", help=f"Default {DEFAULT_OUTBOX}, beside --config."
)
@click.option("--receipts", type=click.Path(dir_okay=False), metavar="OUT", help="One receipt a line of FILE.")
@click.option("--keep", type=click.FloatRange(min=0), default=14.0, show_default=True, metavar="DAYS",
              help="How long an event stays in the outbox after its receipt.")  # fmt: skip
@click.option("--largest", type=click.IntRange(min=1), metavar="MB", help="Bound of the outbox.")
@click.option("--patience", type=click.FloatRange(min=0), default=PATIENCE, show_default=True, metavar="SECONDS",
              help="How long to try when the platform does not answer.")  # fmt: skip
@click.option("--again-since", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), metavar="MOMENT",
              help="Send again what got its receipt since then (UTC); the operator asks for it.")  # fmt: skip
@click.option("--status", is_flag=True, help="Tell what the outbox holds, and end.")
@click.option("--make-key", type=click.Path(path_type=Path), metavar="FILE", help="Make a key pair for HTTPS, and end.")
@click.option("--config", is_eager=True, callback=_configured, expose_value=False, metavar="FILE",
              help=f"Options as TOML; default {DEFAULT_CONFIG} if it exists.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="woonketen", message="woonketen-publish %(version)s")
@click.pass_context
def cli(ctx: click.Context, /, **given: Any) -> None:
    """Publish the events in FILE (`-`: standard input). They are stored in the outbox first and sent after that, each
    until it has a receipt, also by a later run; without FILE what waits in the outbox is sent.

    Exit codes: 0 everything has its receipt; 1 the same, but something was refused; 2 wrong use or configuration;
    3 the platform cannot be reached, or there is no room; 70 internal error; 130 stopped, the rest waits.
    """
    ctx.obj["debug"] = given["debug"]
    if not given["debug"]:
        logging.getLogger("kafka").setLevel(logging.CRITICAL + 1)  # its words are not for people
    outbox = given["outbox"] or Path(DEFAULT_OUTBOX)
    if given["make_key"]:
        _make_key(given["make_key"], given["as_json"])
    elif given["status"]:
        _tell_status(outbox, look(outbox), given["as_json"])
    elif not given["to"]:
        raise click.UsageError("Give --to, or --status or --make-key.")
    else:
        sys.exit(_publish(outbox, given))


def _publish(path: Path, given: dict[str, Any]) -> int:
    """Exit code."""
    stopper, began = Stopper(), time.time()
    teller = Teller(sys.stderr)
    largest = None if given["largest"] is None else given["largest"] * 1024 * 1024
    with ExitStack() as stack:
        stack.enter_context(_signals(stopper))
        sender = stack.enter_context(closing(_sender(given)))
        out = stack.enter_context(_receipts(given["receipts"]))
        outbox = stack.enter_context(Outbox(path, keep=timedelta(days=given["keep"]), largest=largest))
        stack.callback(teller.end)
        if given["again_since"]:
            outbox.again(given["again_since"].replace(tzinfo=UTC))
        run, told = outbox.begin_run(), Storing()
        delivered = Delivered({}, 0)
        try:
            if given["file"] is not None:
                told = _store(given, outbox, run, out, teller)
            stopper.at_once = False
            delivered = deliver(outbox, sender, stopper.asked, patience=given["patience"], on_progress=teller.sending)
        finally:
            teller.end()
            delivered = Delivered(delivered.counts, outbox.count_waiting())
            _write_results(outbox, run, out)
            refused = told.refused + delivered.counts.get("refused", 0)
            _tell(told, delivered, refused, outbox.refused_since(began), given["as_json"])
    if delivered.left:
        return STOPPED
    return 1 if refused else 0


def _store(given: dict[str, Any], outbox: Outbox, run: int, out: Callable[[Any], None], teller: Teller) -> Storing:
    if given["form"] != "cloudevents" and not given["source"]:
        raise ConfigurationError("A table does not say whose it is.", "Give your registered source with --source.")
    lines = read(given["form"], given["file"], (given["source"] or ("",))[0])
    return store(
        lines,
        outbox,
        checking.sources(given["source"]),
        run,
        receipt=out,
        on_progress=lambda at: teller.stored(at.stored + at.known),
    )


def _sender(given: dict[str, Any]) -> Sender:
    to = given["to"]
    if to.startswith("kafka://"):
        from woonketen.producers.send_kafka import KafkaSender

        return KafkaSender(
            to, given["user"], given["password_file"], topic=given["topic"], security=given["security"], ca=given["ca"]
        )
    from woonketen.producers.send_http import HttpSender, checked

    checked(to)
    if not given["client_id"] or not given["key"]:
        raise ConfigurationError("The platform wants to know who you are.", "Give --client-id and --key.")
    return HttpSender(to, given["client_id"], given["key"], ca=given["ca"])


@contextmanager
def _receipts(path: str | None) -> Iterator[Callable[[Any], None]]:
    if path is None:
        yield lambda _: None
        return
    try:
        file: BinaryIO = open(path, "wb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}.", "Name another file.") from None
    with file:
        yield lambda receipt: _write(file, receipt)


def _write(file: BinaryIO, receipt: Any) -> None:
    file.write(msgspec.json.encode(receipt) + b"\n")


def _write_results(outbox: Outbox, run: int, out: Callable[[Any], None]) -> None:
    """Receipts of the platform; over Kafka there is none of what is taken, so `delivered` and `waiting` stand there."""
    for line, source, event_id, state, receipt in outbox.results(run):
        if receipt is None:
            out({"source": source, "id": event_id, "status": state, "line": line})
        else:
            out({**msgspec.json.decode(receipt), "line": line})


def _tell(told: Storing, delivered: Delivered, refused: int, receipts: list[bytes], as_json: bool) -> None:
    counts = delivered.counts
    result = {
        "stored": told.stored,
        "known": told.known,
        "accepted": counts.get("accepted", 0),
        "duplicate": counts.get("duplicate", 0),
        "parked": counts.get("parked", 0),
        "delivered": counts.get("delivered", 0),
        "refused": refused,
        "waiting": delivered.left,
    }
    _print(result, " · ".join(f"{name} {n}" for name, n in result.items()), as_json)
    reasons: Counter[tuple[str, str]] = Counter(told.reasons)
    for receipt in receipts:
        found = msgspec.json.decode(receipt)
        reasons[str(found.get("reason")), str(found.get("mend") or "")] += 1
    for (reason, mend), n in reasons.most_common():
        click.echo(f"refused {n}× {reason}: {mend}", err=True)


def _tell_status(path: Path, status: Status, as_json: bool) -> None:
    oldest = status.oldest_waiting
    since = None if oldest is None else datetime.fromtimestamp(oldest, UTC).isoformat(timespec="seconds")
    result: dict[str, Any] = {**{state: status.counts[state] for state in STATES}, "oldest_waiting": since,
              "last_error": status.last_error, "bytes": status.bytes, "outbox": str(path)}  # fmt: skip
    text = " · ".join(f"{state} {status.counts[state]}" for state in STATES)
    if oldest is not None:
        text += f"\nthe oldest waits for {duration(max(time.time() - oldest, 0))}"
        text += f" ({status.last_error})" if status.last_error else ""
    _print(result, text, as_json)


def _make_key(path: Path, as_json: bool) -> None:
    from woonketen.producers import keys

    public = keys.make(path)
    text = f"{path}: your private key; it stays here.\n{public}: give this one to the platform's operator."
    _print({"private": str(path), "public": str(public)}, text, as_json)


def _print(result: dict[str, Any], text: str, as_json: bool) -> None:
    click.echo(msgspec.json.encode(result).decode() if as_json else text)


@contextmanager
def _signals(stopper: Stopper) -> Iterator[None]:
    before = {number: signal.signal(number, stopper) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main() -> NoReturn:
    shared: dict[str, Any] = {"debug": "--debug" in sys.argv}
    try:
        code: Any = cli.main(standalone_mode=False, obj=shared)
        sys.exit(code if isinstance(code, int) else 0)
    except (click.exceptions.Abort, KeyboardInterrupt):
        sys.exit(STOPPED)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except WoonketenError as error:
        if shared["debug"]:
            raise
        click.echo(f"woonketen-publish: {error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:
        if shared["debug"]:
            raise
        click.echo(f"woonketen-publish: {_translated(error)}", err=True)
        sys.exit(3 if isinstance(error, OSError) else 70)


def _translated(error: Exception) -> str:
    """A foreign error as a sentence of ours; never its own text, which may quote data."""
    name = type(error).__name__
    if isinstance(error, OSError):
        return f"{error.strerror or name}: the system refused to read or write. What was stored is kept."
    return f"Internal error ({name}). What was stored is kept. Run again with --debug for the place."
