"""policy: why something may be seen. Reads the files of the rules and nothing else: no database, no resident."""

from __future__ import annotations

import click

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
