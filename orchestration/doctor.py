"""`woonketen doctor`: what the platform needs, each with ok or the mend. Looks, and changes nothing."""

from __future__ import annotations

import os
import platform as machine
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from importlib.metadata import version

import msgspec

from woonketen.contracts import policy
from woonketen.contracts.catalogue import KIND_LETTER, TYPES
from woonketen.contracts.errors import WoonketenError
from woonketen.contracts.settings import Settings
from woonketen.orchestration import wiring
from woonketen.orchestration.wiring import Parts
from woonketen.projections import sets
from woonketen.streams.door.admission import Admission
from woonketen.streams.log.postgres import PostgresLog


class Finding(msgspec.Struct, frozen=True):
    """`detail` says what was seen; `mend` what to do, empty when all is well."""

    check: str
    ok: bool
    detail: str
    mend: str = ""


Check = Callable[[Parts], Finding]


def examine(settings: Settings) -> list[Finding]:
    """All checks, in order; those that need the database are left out when it cannot be opened."""
    found = [_versions(), _rules(settings), _key(settings)]
    with ExitStack() as stack:
        try:
            parts = stack.enter_context(wiring.opened(settings))
        except WoonketenError as error:
            return [*found, Finding("database", False, error.message, error.mend)]
        found += [check(parts) for check in _CHECKS]
    return found


def _versions() -> Finding:
    return Finding("versions", True, f"woonketen {version('woonketen')}, Python {machine.python_version()}")


def _rules(settings: Settings) -> Finding:
    try:
        book = wiring.rulebook(settings)
    except WoonketenError as error:
        return Finding("policy and indicators", False, error.message, error.mend)
    pending = len(book.policy.article_pending())
    told = f"policy {book.policy.version}, indicators {book.rules.version}"
    if pending:
        return Finding("policy and indicators", True, f"{told}; {pending} rules have no article yet ({policy.PENDING})")
    return Finding("policy and indicators", True, told)


def _key(settings: Settings) -> Finding:
    path = settings.kek
    if not path.exists():
        return Finding("key", False, f"there is no {path}", "Put it back, or run `woonketen init`.")
    if os.name == "posix" and path.stat().st_mode & 0o077:
        return Finding("key", False, "others can read the key file", f"Run: chmod 600 {path}")
    return Finding("key", True, str(path))


def _database(parts: Parts) -> Finding:
    row = parts.owner.execute("SHOW server_version").fetchone()
    return Finding("database", True, f"PostgreSQL {row[0] if row else ''}, schema and key fit")


def _append_only(parts: Parts) -> Finding:
    rights = parts.owner.execute(
        "SELECT string_agg(r, ', ') FROM unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE']) AS r"
        " WHERE has_table_privilege('woonketen_processor', 'log.record', r)"
    ).fetchone()
    if rights and rights[0]:
        return Finding(
            "log", False, f"the processor may {rights[0]}", "Take these rights away: the log is append-only."
        )
    return Finding("log", True, "append-only")


def _row_security(parts: Parts) -> Finding:
    loose = parts.owner.execute(
        "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname IN ('set_1', 'set_2') AND c.relkind = 'r' AND NOT (relrowsecurity AND relforcerowsecurity)"
    ).fetchone()
    if loose and loose[0]:
        return Finding("roles", False, f"{loose[0]} tables are without forced row-level security", "Run a rebuild.")
    counters = parts.owner.execute(
        "SELECT has_column_privilege('public', 'pg_catalog.pg_class', 'reltuples', 'SELECT')"
    ).fetchone()
    if counters and counters[0]:
        # A server of others, whose superuser did not run our migrations: not wrong, but who has SQL can count.
        told = "row-level security is forced; PostgreSQL's own counters are open to whoever may connect"
        return Finding("roles", True, told, "Let a superuser run the end of `0190_closed.sql`.")
    return Finding("roles", True, "row-level security is forced on every table of a view")


def _clock(parts: Parts) -> Finding:
    admission = Admission(
        parts.processor, parts.keys, parts.vault, PostgresLog(parts.processor, parts.vault, parts.place)
    )
    open_day = admission.settings().open_day
    late = (date.today() - open_day).days  # noqa: DTZ011 - the wall of the place where it runs
    if late > 1:
        return Finding(
            "clock", False, f"{open_day} is open still", f"Close the days that are over: woonketen day close {open_day}"
        )
    return Finding("clock", True, f"{open_day} is open")


def _views(parts: Parts) -> Finding:
    _, code = sets.live_set(parts.owner)
    if code != parts.rulebook.code:
        return Finding("views", False, "the views come from other code or rules", "Run `woonketen rebuild`.")
    return Finding("views", True, "made by this program and these rules")


def _ledger(parts: Parts) -> Finding:
    lines = len(parts.ledger.read()) - 1
    return Finding("erasure ledger", True, f"{lines} lines, all done in this database")


def _epochs(parts: Parts) -> Finding:
    if parts.keys.epochs != [parts.keys.epoch]:
        return Finding("epoch", False, "a change of the key was cut off", "Run `woonketen keys rotate`.")
    return Finding("epoch", True, f"{parts.keys.epoch}, and no other key in the file")


def _quarantine(parts: Parts) -> Finding:
    row = parts.processor.execute("SELECT count(*) FROM gate.quarantine WHERE NOT discarded").fetchone()
    if row and row[0]:
        return Finding("quarantine", False, f"{row[0]} set aside", "Look at `woonketen quarantine list`.")
    return Finding("quarantine", True, "empty")


def _terms(parts: Parts) -> Finding:
    admission = Admission(parts.processor, parts.keys, parts.vault, PostgresLog(parts.processor, parts.vault))
    terms, unset = parts.rulebook.terms, []
    for org in admission.organisations():
        letter = KIND_LETTER[org.kind]
        categories = {contract.category for contract in TYPES.values() if letter in contract.publishers}
        if lacking := sorted(each for each in categories if terms.of(org.org, org.kind, each) is None):
            unset.append(f"{org.org}: {', '.join(lacking)}")
    if unset:
        return Finding(
            "retention",
            False,
            f"no term, so refused: {'; '.join(unset)}",
            "Decide the terms and set them (`retention`).",
        )
    examples = len(terms.examples())
    told = f"{len(terms.rows)} terms, version {terms.version}"
    return Finding("retention", True, f"{told}; {examples} are an example that nobody decided" if examples else told)


def _kafka(parts: Parts) -> Finding:
    if parts.link is None:
        return Finding("engine", True, "embedded: the log is in PostgreSQL")
    from woonketen.orchestration.kafka import topics
    from woonketen.streams.kafka import tail

    link, hours = parts.link, parts.settings.backup_hours
    orgs = [org for (org,) in parts.processor.execute("SELECT org FROM admission.org ORDER BY org").fetchall()]
    try:
        with topics.admin(link) as client:
            found = topics.check(client, link, len(tail.known_of(parts.processor)))
            short = topics.too_short(client, link, orgs, hours)
        tail.check(parts.processor, link)
    except WoonketenError as error:
        return Finding("engine", False, error.message, error.mend)
    if short:
        return Finding(
            "engine", False, f"{', '.join(short)} keeps less than `backup_hours` ({hours})",
            "Make its retention.ms longer, or back up more often and set `backup_hours`.",
        )  # fmt: skip
    told = f"kafka: {found['topic']}, {found['partitions']} partitions, {found['replicas']} copies; fits the database"
    return Finding("engine", True, told)


_CHECKS: tuple[Check, ...] = (
    _kafka, _database, _append_only, _row_security, _clock, _views, _ledger, _epochs, _terms, _quarantine,
)  # fmt: skip


def as_rows(findings: list[Finding]) -> Iterator[dict[str, str]]:
    for each in findings:
        yield {"check": each.check, "state": "ok" if each.ok else "mend", "detail": each.detail, "mend": each.mend}
