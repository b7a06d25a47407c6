"""withdraw, object, consent, correct, requests, export, break-glass: what a resident says and asks, and who answers."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import click

from woonketen.contracts.errors import ConfigurationError
from woonketen.orchestration.cli.base import Context, Group, command, pass_shared, write_json
from woonketen.orchestration.cli.feed import DAY
from woonketen.orchestration.cli.look import AS

PURPOSES = ["early_signalling", "warnings"]
CORRECTIONS = ["wrong_person", "wrong_value", "wrong_date", "not_happened", "duplicate"]
EMERGENCIES = ["danger", "crisis", "colleague_absent", "other"]
TO = click.option("--to", required=True, metavar="ROLE_OR_ORG", help="Who may look.")
PURPOSE = click.option("--purpose", metavar="P", help="For what; a role has one purpose, an organisation needs one.")
CATEGORY = click.option("--category", "categories", multiple=True, required=True, metavar="C", help="May be repeated.")


@command()
@click.argument("consent_id", metavar="CONSENT_ID")
@AS
@pass_shared
def withdraw(shared: Context, consent_id: str, user: str) -> None:
    """As the resident: withdraw a consent. What it opened is hidden at the very next read."""
    with shared.platform() as platform:
        shared.object(platform.rights.withdraw(platform.user(user), consent_id))


@command(name="object")
@AS
@click.option("--purpose", type=click.Choice(PURPOSES), required=True)
@click.option("--lift", is_flag=True, help="Take the objection back.")
@pass_shared
def objection(shared: Context, user: str, purpose: str, lift: bool) -> None:
    """As the resident: object to early signalling, or to warnings about you. It stands at once."""
    with shared.platform() as platform:
        who = platform.user(user)
        shared.object(platform.rights.lift(who, purpose) if lift else platform.rights.object(who, purpose))


@click.group(cls=Group)
def consent() -> None:
    """What a resident allowed and refused."""


@consent.command(name="list")
@AS
@pass_shared
def list_consents(shared: Context, user: str) -> None:
    """Every consent and refusal, and what it is worth today."""
    with shared.platform() as platform:
        shared.table(platform.rights.consents(platform.user(user)), "Geen toestemmingen.")


@consent.command()
@AS
@TO
@PURPOSE
@CATEGORY
@click.option("--from", "valid_from", type=DAY, metavar="DATE", help="Valid from (default: the open day).")
@click.option("--until", type=DAY, metavar="DATE", help="Last valid day (default: a year later).")
@click.option("--data-from", type=DAY, metavar="DATE", help="Only about facts from this day on.")
@click.option("--data-until", type=DAY, metavar="DATE", help="Only about facts up to this day.")
@pass_shared
def grant(
    shared: Context,
    user: str,
    to: str,
    purpose: str | None,
    categories: tuple[str, ...],
    valid_from: datetime | None,
    until: datetime | None,
    data_from: datetime | None,
    data_until: datetime | None,
) -> None:
    """As the resident: allow ROLE_OR_ORG to see data of these categories."""
    with shared.platform() as platform:
        shared.object(
            platform.rights.grant(
                platform.user(user), to, purpose, _known(categories),
                valid=(_day(valid_from), _day(until)), data=(_day(data_from), _day(data_until)),
            )
        )  # fmt: skip


@consent.command()
@AS
@TO
@PURPOSE
@CATEGORY
@pass_shared
def refuse(shared: Context, user: str, to: str, purpose: str | None, categories: tuple[str, ...]) -> None:
    """As the resident: refuse ROLE_OR_ORG data of these categories."""
    with shared.platform() as platform:
        shared.object(platform.rights.refuse(platform.user(user), to, purpose, _known(categories)))


@command()
@AS
@click.option("--category", required=True, metavar="C", help="Which kind of data is wrong.")
@click.option("--reason", type=click.Choice(CORRECTIONS), default="wrong_value", show_default=True)
@click.option("--org", metavar="ORG", help="Only what this organisation published.")
@pass_shared
def correct(shared: Context, user: str, category: str, reason: str, org: str | None) -> None:
    """As the resident: ask whoever published something to look at it again."""
    with shared.platform() as platform:
        (name,) = _known((category,))
        shared.table(platform.rights.correct(platform.user(user), name, reason, org), "Geen verzoeken.")


@click.group(cls=Group)
def requests() -> None:
    """What residents asked for and who has to answer, before which day."""


@requests.command(name="list")
@AS
@pass_shared
def list_requests(shared: Context, user: str) -> None:
    """A resident's own, or for a steward all of them."""
    with shared.platform() as platform:
        shared.table(platform.rights.requests(platform.user(user)), "Geen verzoeken.")


@requests.command()
@click.argument("number", type=int, metavar="ID")
@AS
@click.option("--answer", type=click.Choice(["granted", "rejected", "noted"]), required=True)
@pass_shared
def answer(shared: Context, number: int, user: str, answer: str) -> None:
    """As a steward of the organisation that has to act: what was decided. `noted` for a break-glass that was seen."""
    with shared.platform() as platform:
        shared.object(platform.rights.answer_request(platform.user(user), number, answer))


@command()
@AS
@click.option("--html", "html", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="A page to read.")
@pass_shared
def export(shared: Context, user: str, html: Path | None) -> None:
    """As the resident: everything that is held about you, as JSON on stdout and as a page."""
    from woonketen.orchestration.export import as_page

    with shared.platform() as platform:
        found = platform.export(user)
    if html is not None:
        html.write_text(as_page(found), encoding="utf-8")
    write_json([found])


@command(name="break-glass")
@AS
@click.option("--resident", required=True, metavar="ORG:SUBJECT", help="By the own organisation's pseudonym.")
@click.option("--reason", type=click.Choice(EMERGENCIES), required=True)
@pass_shared
def break_glass(shared: Context, user: str, resident: str, reason: str) -> None:
    """In an emergency: open a colleague's row of one resident for three hours. Resident and steward are told."""
    org, colon, subject = resident.partition(":")
    if not colon:
        raise ConfigurationError("A resident is named as ORG:SUBJECT.", "Give --resident ORG:SUBJECT.")
    with shared.platform() as platform:
        shared.object(platform.rights.break_glass(platform.user(user), org, subject, reason))


def _day(given: datetime | None) -> date | None:
    return given.date() if given else None


def _known(categories: tuple[str, ...]) -> list[str]:
    from woonketen.contracts import codes

    unknown = [each for each in categories if each not in codes.members("category")]
    if unknown:
        raise ConfigurationError(
            "There is no such category.", f"One of: {', '.join(sorted(codes.members('category')))}."
        )
    return list(categories)
