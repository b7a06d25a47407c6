"""`woonketen`, the operator's command. Commands are imported when they are called, so that `--help` stays quick."""

from __future__ import annotations

import signal
import sys
from importlib import import_module
from types import FrameType
from typing import Any, NoReturn

import click

from woonketen.contracts.errors import WoonketenError
from woonketen.orchestration.cli.base import Context, shared_options

# name -> (module, one line of help); the modules are imported only when that command runs
COMMANDS = {
    "init": ("setup", "Create the data folder, database, roles, schemas and keys."),
    "org": ("setup", "Register and list organisations."),
    "user": ("setup", "Register a person who may look."),
    "link": ("setup", "Issue a one-time code that links a pseudonym."),
    "ingest": ("feed", "Read a partner's file and answer with receipts."),
    "receipts": ("feed", "What became of a partner's parked events."),
    "run": ("feed", "Turn the log into views and warnings."),
    "day": ("feed", "Close a day."),
    "view": ("look", "What a person sees, as rows; the look is recorded."),
    "warnings": ("look", "The warnings that a person sees."),
    "explain": ("look", "Why a warning was raised and what closes it."),
    "decide": ("look", "The policy's answer to a question, without doing anything."),
    "policy": ("policy", "Why a field is in a view, and by which rule."),
    "looks": ("look", "Who looked at what."),
    "acknowledge": ("answer", "Answer a warning with a reason code."),
    "contest": ("answer", "Contest a warning, as the resident."),
    "backup": ("keeping", "One file with everything that cannot be computed again."),
    "restore": ("keeping", "A backup into an empty installation; erased stays erased."),
    "erase": ("keeping", "Destroy the keys of what one organisation told about a resident."),
    "retention": ("retention", "What is past its term: look, approve, remove; legal holds."),
    "programma": ("programma", "Figures of a pilot, released by two."),
    "keys": ("keeping", "Change the key-encryption key."),
    "ledger": ("keeping", "The erasure ledger: do what it says."),
    "consent": ("rights", "As the resident: list, grant and refuse consents."),
    "withdraw": ("rights", "As the resident: withdraw a consent."),
    "object": ("rights", "As the resident: object to early signalling or to warnings."),
    "correct": ("rights", "As the resident: ask for a correction."),
    "requests": ("rights", "What residents asked for, and the answer to it."),
    "export": ("rights", "As the resident: everything that is held about you."),
    "break-glass": ("rights", "In an emergency: a colleague's row, for three hours."),
    "contact": ("signals", "Contact data of a signal: put, and fetched once."),
    "evidence": ("signals", "The signed bundle about the arrears of a lease."),
    "alerts": ("alerts", "What asks for a steward's attention."),
    "report": ("report", "A partner's report of a month, for that partner alone."),
    "rehearse": ("report", "Restore a backup into a scratch database, and throw it away."),
    "quality": ("quality", "The data steward's checks of feeds, facts and views."),
    "figures": ("figures", "The frozen tables for policy and council."),
    "quarantine": ("operate", "Residents whose rows are withheld because of an error."),
    "rebuild": ("operate", "All views from the log again, compared and swapped."),
    "log": ("operate", "Positions, lag and soundness of the log."),
    "worker": ("worker", "A process of the scaled engine."),
    "serve": ("serving", "The portal and the HTTP door, with the processing in the background."),
    "doctor": ("operate", "Versions, servers, keys, roles, clock: ok, or the mend."),
}

_NAMED = {"object": "objection", "break-glass": "break_glass"}
"""Commands whose function cannot have their name."""


class Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"woonketen.orchestration.cli.{COMMANDS[cmd_name][0]}")
        found: click.Command = getattr(module, _NAMED.get(cmd_name, cmd_name))
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=Lazy, params=list(shared_options()), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="woonketen", message="%(package)s %(version)s")
def cli() -> None:
    """Woonketen: one log between the organisations that help people live on their own, one view for each of them.

    Begin with `woonketen init`. Exit codes: 0 done; 1 done, but something was refused or a difference was found;
    2 wrong use or configuration; 3 a needed server cannot be reached; 70 internal error.
    """


def main() -> NoReturn:
    signal.signal(signal.SIGTERM, _interrupt)  # a stop by the service manager is as clean as Ctrl-C
    shared = Context()
    try:
        code: Any = cli.main(standalone_mode=False, obj=shared)
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except WoonketenError as error:
        if shared.debug:
            raise
        click.echo(f"woonketen: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:
        if shared.debug:
            raise
        click.echo(f"woonketen: {_translated(error)}", err=True)
        sys.exit(_code(error))


def _translated(error: Exception) -> str:
    """A foreign error as a sentence of ours; never its own text, which may quote data."""
    name = type(error).__name__
    if _is_database(error):
        return (
            f"The database stopped answering or refused ({name}). Nothing half-done was kept. "
            "Look at `woonketen doctor`, then try again."
        )
    if isinstance(error, OSError):
        return (
            f"{error.strerror or name}: the system refused to read or write. Look at space and rights, then try again."
        )
    return f"Internal error ({name}). Nothing half-done was kept. Run again with --debug for the place."


def _code(error: Exception) -> int:
    return 3 if _is_database(error) or isinstance(error, OSError) else 70


def _is_database(error: Exception) -> bool:
    if not type(error).__module__.startswith("psycopg"):
        return False
    severity = getattr(getattr(error, "diag", None), "severity_nonlocalized", None)
    return severity in ("PANIC", "FATAL") or type(error).__name__ in {
        "OperationalError",
        "AdminShutdown",
        "CrashShutdown",
        "DiskFull",
        "CannotConnectNow",
        "ConnectionTimeout",
        "InterfaceError",
    }


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
