"""`make demo`: plays the five programmes as stories and opens the portal on this machine; with `ONCE=1` it shows in the
terminal what each party sees, and ends.

What is shown is read like any other look: in the person's own role, recorded. The second time nothing is left to play.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from woonketen.contracts.errors import ConfigurationError, WoonketenError
from woonketen.contracts.settings import Settings, settings
from woonketen.orchestration.platform import Platform, init, open_platform
from woonketen.orchestration.stories import Story, days_to_play, load, play
from woonketen.orchestration.tables import print_table, progress

if TYPE_CHECKING:
    from woonketen.orchestration.web.config import WebConfig

STORIES = Path(__file__).resolve().parent.parent / "tests" / "stories"
NAMES = ("wooncoach", "zittende_huurders", "buddy", "woonladder", "doorstroom")
COLUMNS = {
    "coach": ["resident", "next_visit_on", "last_contact_on", "arrears_level", "warnings", "not_shared"],
    "casusregisseur": ["resident", "programme", "parties", "provisions_open", "warnings"],
    "wijkteam": ["resident", "programme", "phase", "case_lead", "actions_late", "warnings", "not_shared"],
    "corporatie": ["resident", "lease_id", "kind", "ends_on", "coaching_runs", "outstanding_cents", "warnings"],
    "zorgaanbieder": ["resident", "programme", "ladder_step", "referrals_in", "move", "own_actions", "warnings"],
    "vrijwilliger": ["handle", "action", "due_on", "party", "late_days"],
    "bewoner": ["programme", "coach", "my_actions", "their_actions", "lease", "warnings", "who_sees_what"],
    "steward_feeds": ["org", "last_event_at", "heartbeat_at", "parked", "state"],
}
"""What fits a terminal; `woonketen view NAME --as USER --json` shows every field."""
ASKS = {"steward": "Is de aanvoer van vandaag goed?"}
"""The first question of who asks none in a story."""
WARNED = ("coach", "casusregisseur", "corporatie", "zorgaanbieder", "bewoner")
WARNING_COLUMNS = ["severity", "resident", "sentence", "opened_on", "state"]
MOST_ROWS, MOST_WARNINGS = 6, 4
PORTAL_EVENING = date(2026, 6, 8)
"""The portal opens on the morning after it: an ordinary day in the middle of the stories, with something to do for
everybody. At their end nobody has."""


def main() -> None:
    arguments = _arguments()
    chosen = settings({}, os.environ)
    try:
        if arguments.stop:
            stop(chosen)
        else:
            demo(chosen, once=arguments.once)
    except KeyboardInterrupt:
        sys.exit(130)
    except WoonketenError as error:
        print(f"woonketen: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(error.exit_code)


def demo(chosen: Settings, *, once: bool) -> None:
    stories = [load(STORIES / name) for name in NAMES]
    first = min(story.open_day for story in stories)
    with init(chosen, first, 6, _tell), open_platform(chosen) as platform:
        _play(stories, platform, None if once else PORTAL_EVENING)
        for story in stories if once else ():
            _show(story, platform)
        if once:
            _refused(stories, platform)
            _go_on(stories)
    if not once:
        _portal(stories, chosen)
        _tell("gestopt")


def stop(chosen: Settings) -> None:
    """Stops the demo's database and removes it; what was played goes with it."""
    from woonketen.orchestration.postgres import remove_database

    remove_database(chosen.data)
    shutil.rmtree(chosen.data, ignore_errors=True)
    for path in (chosen.kek, chosen.ledger_file):
        path.unlink(missing_ok=True)


def _play(stories: Sequence[Story], platform: Platform, until: date | None) -> None:
    days = days_to_play(stories, platform, until)
    if days:
        _tell(f"speelt vijf programma's na: {days} dagen met bestanden van partners")
    with progress("dagen", days) as advance:
        play(stories, platform, advance, until)


def _show(story: Story, platform: Platform) -> None:
    _title(story.title, story.vertelt)
    people = {user.name: user for user in story.users}
    for look in story.looks:
        user = people[look.user]
        _say(f"\n{user.who} ({look.user}): {look.question}")
        rows = sorted(platform.view(look.view, look.user), key=lambda row: _order(row, story.slug))
        _table(rows, COLUMNS.get(look.view, ()), MOST_ROWS)
    for name in dict.fromkeys(look.user for look in story.looks if look.view in WARNED):
        _say(f"\nSignalen die {people[name].who} ({name}) dit jaar zag, de ernstigste eerst:")
        _table(platform.warnings(name, every=True), WARNING_COLUMNS, MOST_WARNINGS)


def _table(rows: Sequence[dict[str, Any]], columns: Sequence[str], most: int) -> None:
    if not rows:
        _say("  geen")
        return
    print_table([_short(row) for row in rows[:most]], columns)
    if len(rows) > most:
        _say(f"  … en {len(rows) - most} andere")


def _refused(stories: Sequence[Story], platform: Platform) -> None:
    _title("Wat werd geweigerd, en waarom", "De rest van hetzelfde bestand ging gewoon door.")
    steward = next(user for story in stories for user in story.users if user.role == "steward")
    counts: dict[tuple[Any, ...], int] = {}
    for row in platform.view("steward_refusals", steward.name):
        key = (row["org"], row["reason"], row["detail"], row["mend"])
        counts[key] = counts.get(key, 0) + 1
    names = ("org", "reason", "detail", "mend")
    table = [dict(zip(names, key, strict=True)) | {"aantal": n} for key, n in sorted(counts.items(), key=str)]
    print_table(table, ["aantal", *names])


def _portal(stories: Sequence[Story], chosen: Settings) -> None:
    """Opens the portal on this machine, and tells where, and who can be chosen there."""
    from woonketen.orchestration.demo_figures import counted
    from woonketen.orchestration.web.serve import serve
    from woonketen.projections.portal.pages import Persona

    questions = {look.user: look.question for story in stories for look in reversed(story.looks)}
    users = {user.name: user for story in stories for user in story.users}
    people = [
        Persona(each.name, each.role, each.org, each.who, questions.get(each.name) or ASKS.get(each.role))
        for each in users.values()
    ]
    with open_platform(chosen) as platform:
        people += counted(platform)

    def ready(config: WebConfig) -> None:
        _title("Woonketen draait", f"Open {config.url} en kies een persoon. Alle mensen zijn verzonnen.")
        print_table(
            [
                {"wat": "portaal", "adres": config.url},
                {"wat": "deur voor systemen", "adres": f"{config.url}/events"},
                {"wat": "beschrijving (OpenAPI)", "adres": f"{config.url}/openapi.json"},
                {"wat": "stand en cijfers", "adres": f"{config.url}/readyz, {config.url}/metrics"},
                {"wat": "gegevens op schijf", "adres": str(chosen.data)},
            ],
            ["wat", "adres"],
        )
        _say("\nWie u kunt zijn:")
        rows = [{"persoon": each.name, "wie": each.who, "vraag": each.question or ""} for each in people]
        print_table(rows, ["persoon", "wie", "vraag"])
        _say(
            "\nIn een ander venster, in deze map: .venv/bin/woonketen --help"
            "\nDe vijf verhalen in de terminal: make demo ONCE=1. Ctrl-C stopt alles."
        )

    serve(chosen, demo=True, next_free=True, personas=people, ready=ready)


def _go_on(stories: Sequence[Story]) -> None:
    _title("Verder", "")
    look = stories[0].looks[0]
    _say(
        "In een ander venster, in deze map:\n"
        f"  .venv/bin/woonketen view {look.view} --as {look.user}\n"
        f"  .venv/bin/woonketen warnings --as {look.user}\n"
        f"  .venv/bin/woonketen explain NUMMER --as {look.user}\n"
        "  .venv/bin/woonketen decide nl.woonketen.rent.balance_reported --recipient wijkteam --purpose coordination\n"
        "  .venv/bin/woonketen rebuild --verify\n"
    )
    _say("Personen:")
    people = {user.name: user for story in stories for user in story.users}
    for user in people.values():
        _say(f"  {user.name:<24} {user.who}")


def _short(row: dict[str, Any]) -> dict[str, Any]:
    """Long lists cut for the terminal."""
    return {name: value[:5] if isinstance(value, list) else value for name, value in row.items()}


def _order(row: dict[str, Any], programme: str) -> tuple[int, bool]:
    """The gravest warning first, then those of this programme; else as the view is sorted."""
    gravest = max((warning["severity"] for warning in row.get("warnings") or ()), default=0)
    return -gravest, row.get("programme", programme) != programme


def _title(title: str, text: str) -> None:
    _say(f"\n━━ {title} " + "━" * max(0, 76 - len(title)))
    if text:
        _say(text)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the demo speaks to a person


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="show, then end")
    parser.add_argument("--stop", action="store_true", help="remove the demo's database")
    return parser.parse_args()


if __name__ == "__main__":
    if not STORIES.is_dir():
        raise ConfigurationError("The stories are not here.", "Run the demo from a checkout of the project.")
    main()
