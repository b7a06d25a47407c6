"""view, warnings, explain, decide, looks: what somebody may know. Every look is recorded before its answer leaves."""

from __future__ import annotations

import sys
from datetime import datetime

import click

from woonketen.contracts.errors import ConfigurationError
from woonketen.orchestration.cli.base import Context, command, pass_shared
from woonketen.orchestration.cli.feed import DAY

VIEWS = [
    "beleid", "bewoner", "casusregisseur", "coach", "complex", "corporatie", "looks", "programma",
    "programma_figures", "schuldhulp", "steward_consents", "steward_feeds", "steward_proofs", "steward_refusals",
    "steward_requests", "vrijwilliger", "wijkteam", "zorgaanbieder",
]  # fmt: skip
WHY = ["resident_request", "complaint", "incident", "audit"]
AS = click.option("--as", "user", required=True, metavar="USER", help="The person who looks.")
KNOWN_ON = click.option("--known-on", type=DAY, metavar="DATE", help="As it was known on that evening.")


@command()
@click.argument("name", type=click.Choice(VIEWS), metavar="NAME")
@AS
@click.option("--resident", metavar="S", help="Only this resident, by the person's own organisation's pseudonym.")
@pass_shared
def view(shared: Context, name: str, user: str, resident: str | None) -> None:
    """What USER sees in view NAME, as rows. NAME: beleid, bewoner, casusregisseur, coach, complex, corporatie,
    looks, programma, programma_figures, schuldhulp, steward_consents, steward_feeds, steward_proofs,
    steward_refusals, steward_requests, vrijwilliger, wijkteam, zorgaanbieder."""
    with shared.platform() as platform:
        shared.table(platform.view(name, user, resident), "Geen rijen.")


@command()
@AS
@click.option("--all", "every", is_flag=True, help="Closed ones too.")
@KNOWN_ON
@pass_shared
def warnings(shared: Context, user: str, every: bool, known_on: datetime | None) -> None:
    """The open (or all) warnings that USER sees."""
    with shared.platform() as platform:
        found = platform.warnings(user, every=every, known_on=known_on.date() if known_on else None)
        columns = ["severity", "sentence", "resident", "due_on", "owner", "state", "id"]
        shared.table(found, "Geen signalen.", columns)


@command()
@click.argument("warning_id", metavar="WARNING_ID")
@AS
@KNOWN_ON
@pass_shared
def explain(shared: Context, warning_id: str, user: str, known_on: datetime | None) -> None:
    """Why a warning was raised: events, dates, thresholds, rule version, gaps, and what would close it."""
    with shared.platform() as platform:
        found = platform.explain(warning_id, user, known_on.date() if known_on else None)
        if found is None:
            shared.say("Geen signaal met dit nummer dat u mag zien.")
            sys.exit(1)
        shared.object(found)


@command()
@click.argument("event_type", metavar="TYPE")
@click.option("--recipient", required=True, metavar="ROLE_OR_ORG")
@click.option("--purpose", required=True, metavar="P")
@click.option("--org", metavar="ORG", help="With --subject: for this resident, with consent as it stands.")
@click.option("--subject", metavar="S")
@click.option("--on", type=DAY, metavar="DATE", help="Looked at on this day (default: the open day).")
@click.option("--fact-on", type=DAY, metavar="DATE", help="About a fact of this day (default: the same).")
@pass_shared
def decide(
    shared: Context,
    event_type: str,
    recipient: str,
    purpose: str,
    org: str | None,
    subject: str | None,
    on: datetime | None,
    fact_on: datetime | None,
) -> None:
    """May RECIPIENT see an event of TYPE for this purpose? Answers without doing anything."""
    if bool(org) != bool(subject):
        raise ConfigurationError("--org and --subject belong together.", "Give both, or neither.")
    with shared.platform() as platform:
        shared.object(
            platform.decide(
                event_type,
                recipient,
                purpose,
                resident=(org, subject) if org and subject else None,
                on=on.date() if on else None,
                fact_on=fact_on.date() if fact_on else None,
            )
        )


@command()
@AS
@click.option("--resident", metavar="S", help="Only this resident, by the pseudonym of the person's own organisation.")
@click.option("--decisions", is_flag=True, help="For a steward: every request and its answer, denials too.")
@click.option("--who", "look_id", metavar="LOOK_ID", help="For a steward, with --reason: which person it was.")
@click.option("--reason", type=click.Choice(WHY), help="Why a name is asked for; the resident can read it back.")
@pass_shared
def looks(
    shared: Context, user: str, resident: str | None, decisions: bool, look_id: str | None, reason: str | None
) -> None:
    """Who looked at what, for whom: a resident sees the own looks, a steward all, without names and, of other
    organisations, without at whom."""
    if bool(look_id) != bool(reason) or (decisions and look_id):
        raise ConfigurationError("--who and --reason belong together.", "Give both, and no --decisions.")
    with shared.platform() as platform:
        if look_id and reason:
            shared.table(platform.who_looked(user, look_id, reason), "Geen keer dat er gekeken is met dit nummer.")
        elif decisions:
            shared.table(platform.decisions(user), "Nog niemand vroeg iets.")
        else:
            rows = platform.looks(user, resident)
            shared.table(rows, "Nog niemand keek.", ["sentence"] if rows and "sentence" in rows[0] else [])
