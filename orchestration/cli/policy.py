"""policy: why something may be seen. Reads the files of the rules and nothing else: no database, no resident."""

from __future__ import annotations

from pathlib import Path

import click

from woonketen.contracts.errors import ConfigurationError
from woonketen.orchestration.cli.base import Context, Group, pass_shared


@click.group(cls=Group)
def policy() -> None:
    """The policy as it stands."""


@policy.command()
@click.argument("view", metavar="VIEW")
@click.argument("field", metavar="FIELD")
@pass_shared
def explain(shared: Context, view: str, field: str) -> None:
    """Why FIELD is in VIEW: which categories of data it needs, and which rules open them, with article and note."""
    from woonketen.contracts import fields
    from woonketen.orchestration.wiring import rulebook

    rules = rulebook(shared.settings())
    found = fields.explain(view, field, rules.policy, rules.rules)
    shared.object(found, fields.sentence(found))


@policy.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False, metavar="[FILE]")
@pass_shared
def dpia(shared: Context, file: Path | None) -> None:
    """A template for a DPIA, filled with what policy, retention terms and indicators state (Dutch, Markdown)."""
    from woonketen.orchestration.dpia import template
    from woonketen.orchestration.wiring import rulebook

    rules = rulebook(shared.settings())
    text = template(rules.policy, rules.rules, rules.terms)
    if file is None:
        click.echo(text, nl=False)
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror}.", "Name another place.") from None
