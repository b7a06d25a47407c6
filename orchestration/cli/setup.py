"""init, org, user, link: what has to be there before the first event."""

from __future__ import annotations

from datetime import datetime

import click

from woonketen.orchestration.cli.base import Context, Group, command, pass_shared
from woonketen.orchestration.cli.credentials import credentials

KINDS = ["gemeente", "corporatie", "zorgaanbieder", "buddy_organisatie", "schuldhulp"]
ROLES = [
    "bewoner", "coach", "casusregisseur", "wijkteam", "corporatie", "zorgaanbieder",
    "schuldhulp", "vrijwilliger", "beleid", "programma", "steward",
]  # fmt: skip


@command()
@click.option(
    "--open-day",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="The first day that is open (default: today). For stories, back-tests and a move from another system.",
)
@click.option(
    "--partitions", type=click.IntRange(1, 64), default=6, show_default=True, help="Of the log; kept for ever."
)
@pass_shared
def init(shared: Context, open_day: datetime | None, partitions: int) -> None:
    """Create the data folder, the database, its roles and schemas, and the key. Safe to repeat."""
    from woonketen.orchestration.platform import init as create

    with create(shared.settings(), open_day.date() if open_day else None, partitions, shared.say) as done:
        shared.object(done)


@click.group(cls=Group)
def org() -> None:
    """Organisations: who may publish, under which source."""


@org.command()
@click.argument("name", metavar="ORG")
@click.option("--kind", type=click.Choice(KINDS), required=True)
@click.option("--source", required=True, metavar="URN", help="urn:nld:oin:… or urn:nld:kvknr:…; one per organisation.")
@click.option(
    "--district", "districts", multiple=True, metavar="CODE", help="CBS code of a district (WK…); repeatable."
)
@click.option("--subject-url", metavar="T", help="Link template to the organisation's own client page, with {subject}.")
@click.option("--phone", metavar="P", help="The number that residents may call.")
@click.option(
    "--heartbeat-hours", type=click.IntRange(1, 24 * 31), metavar="N", help="A sign of life is expected every N hours."
)
@click.option("--heartbeat-weekends/--no-heartbeat-weekends", default=False, help="Expected in weekends too.")
@pass_shared
def add(
    shared: Context,
    name: str,
    kind: str,
    source: str,
    districts: tuple[str, ...],
    subject_url: str | None,
    phone: str | None,
    heartbeat_hours: int | None,
    heartbeat_weekends: bool,
) -> None:
    """Register an organisation. Repeats are fine; a changed source is refused."""
    with shared.platform() as platform:
        shared.object(
            platform.register_org(
                name,
                kind=kind,
                source=source,
                districts=districts,
                subject_url=subject_url,
                phone=phone,
                heartbeat_hours=heartbeat_hours,
                heartbeat_weekends=heartbeat_weekends,
            )
        )


@org.command(name="list")
@pass_shared
def list_orgs(shared: Context) -> None:
    """One line per organisation."""
    with shared.platform() as platform:
        shared.table(platform.orgs(), "No organisation yet. Add one with `woonketen org add`.")


org.add_command(credentials)


@org.command()
@click.argument("name", metavar="ORG")
@pass_shared
def leave(shared: Context, name: str) -> None:
    """End the feed and the logins of ORG. Its open actions go to the case lead; its data stay until their term."""
    with shared.platform() as platform:
        shared.object(platform.leave(name))


@click.group(cls=Group)
def user() -> None:
    """People who may look."""


@user.command(name="add")
@click.argument("name", metavar="NAME")
@click.option("--org", "organisation", required=True, metavar="ORG")
@click.option("--role", type=click.Choice(ROLES), required=True)
@click.option("--worker", metavar="REF", help="The worker code in the organisation's own events.")
@click.option("--resident", metavar="ORG:SUBJECT", help="For a bewoner: who this is, by an organisation's pseudonym.")
@pass_shared
def add_user(
    shared: Context, name: str, organisation: str, role: str, worker: str | None, resident: str | None
) -> None:
    """Register a person who may look, with one role. Repeats are fine."""
    with shared.platform() as platform:
        shared.object(platform.add_user(name, organisation, role, worker, resident))


@user.command(name="list")
@click.option("--org", "organisation", metavar="ORG", help="Only the people of ORG.")
@pass_shared
def list_users(shared: Context, organisation: str | None) -> None:
    """One line per person who may look: name, organisation, role, worker, and whether the login is there."""
    with shared.platform() as platform:
        shared.table(platform.users(organisation), "Nobody may look yet. Add somebody with `woonketen user add`.")


@user.command()
@click.argument("name", metavar="NAME")
@pass_shared
def sessions(shared: Context, name: str) -> None:
    """The sessions of NAME in the portal."""
    with shared.platform() as platform:
        shared.table(platform.sessions(name), "This person is not signed in.")


@user.command(name="sign-out")
@click.argument("name", metavar="NAME")
@pass_shared
def sign_out(shared: Context, name: str) -> None:
    """End every session of NAME, now."""
    with shared.platform() as platform:
        shared.object(platform.end_sessions(name))


@click.group(cls=Group)
def link() -> None:
    """Links between the pseudonyms of two organisations."""


@link.command()
@click.option("--by", required=True, metavar="ORG")
@click.option("--subject", required=True, metavar="S", help="The pseudonym by which ORG knows the resident.")
@click.option("--for", "for_org", required=True, metavar="ORG2")
@pass_shared
def issue(shared: Context, by: str, subject: str, for_org: str) -> None:
    """A one-time code with which ORG2 can say `subject.linked`."""
    with shared.platform() as platform:
        shared.object(platform.issue_link(by, subject, for_org))
