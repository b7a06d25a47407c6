"""What all commands share: where the settings come from, how a result is printed, how an error is told."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from woonketen.contracts.errors import ConfigurationError
from woonketen.contracts.settings import Settings, settings

if TYPE_CHECKING:
    from woonketen.orchestration.platform import Platform

DEFAULT_CONFIG = "woonketen.toml"


class Context:
    """The shared options of one call; given before the command or after it."""

    def __init__(self) -> None:
        self.config: str | None = None
        self.json = False
        self.debug = False

    def settings(self) -> Settings:
        path = Path(self.config or DEFAULT_CONFIG)
        if not path.exists():
            if self.config:
                raise ConfigurationError(
                    f"There is no configuration file {path}.", "Name one that exists with --config."
                )
            return settings({}, os.environ)
        try:
            return settings(tomllib.loads(path.read_text(encoding="utf-8")), os.environ)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError):
            raise ConfigurationError(f"{path} is not a TOML file.", "Write one `key = value` a line.") from None
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be read: {error.strerror}.", "Name a file.") from None

    @contextmanager
    def platform(self) -> Iterator[Platform]:
        """The running platform: starts or finds the database, checks schema and keys."""
        from woonketen.orchestration.platform import open_platform

        with open_platform(self.settings()) as platform:
            yield platform

    def say(self, text: str) -> None:
        """A word to the person at the terminal."""
        click.echo(text, err=True)

    def object(self, value: Mapping[str, Any], text: str | None = None) -> None:
        """One result: an object as JSON, else `text` or its fields."""
        if self.json:
            write_json([value])
        else:
            click.echo(text if text is not None else "\n".join(f"{key}: {plain(item)}" for key, item in value.items()))

    def table(self, rows: Sequence[Mapping[str, Any]], empty: str, columns: Sequence[str] = ()) -> None:
        """Many results: one JSON object a line, else a table."""
        if self.json:
            write_json(rows)
        elif not rows:
            self.say(empty)
        else:
            from woonketen.orchestration.tables import print_table

            print_table(rows, columns)


def write_json(rows: Iterable[Mapping[str, Any]]) -> None:
    import msgspec

    out = sys.stdout.buffer
    for row in rows:
        out.write(msgspec.json.encode(row) + b"\n")
    out.flush()


def plain(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    shared = ctx.ensure_object(Context)
    if value and param.name:
        setattr(shared, param.name, value)
    return value


def shared_options() -> list[click.Option]:
    return [
        click.Option(
            ["--config"],
            expose_value=False,
            callback=_remember,
            metavar="FILE",
            help=f"Settings; default {DEFAULT_CONFIG} if it exists. Every key also as WOONKETEN_<KEY>.",
        ),
        click.Option(
            ["--json"], is_flag=True, expose_value=False, callback=_remember, help="One JSON object a line on stdout."
        ),
        click.Option(
            ["--debug"], is_flag=True, expose_value=False, callback=_remember, help="Show the traceback of an error."
        ),
    ]


class Command(click.Command):
    """A command that takes the shared options too, so that they may stand before or after its name."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(shared_options())


class Group(click.Group):
    command_class = Command
    group_class = type


def command(*args: Any, **kwargs: Any) -> Callable[[Callable[..., Any]], Command]:
    return click.command(*args, cls=Command, **kwargs)


pass_shared = click.make_pass_decorator(Context, ensure=True)
