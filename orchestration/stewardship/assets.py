"""The assets of the graph: deliveries per kind of organisation, the shared log, each view, and what is counted of them.

Materialising one looks at it and writes numbers into its metadata: counts, positions, hours. It changes nothing.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import dagster as dg

from woonketen.contracts import checks
from woonketen.orchestration.quality import counts
from woonketen.orchestration.stewardship import lineage, numbers

DELIVERIES, VIEWS, DESK = "deliveries", "views", "desk"
LOG = dg.AssetKey("shared_log")
Looking = Callable[[Any], dict[str, Any]]


class Database(dg.ConfigurableResource[Any]):
    """Where the numbers are read, in the role that reads them. The address comes from the settings at run time."""

    def read(self, look: Looking) -> dict[str, Any]:
        with numbers.database() as dsn, counts.reading(dsn) as connection:
            return look(connection)


def deliveries() -> list[dg.AssetsDefinition]:
    """One per kind of organisation; the numbers of each organisation stand in its metadata."""
    return [
        _looking(
            dg.AssetKey([DELIVERIES, kind]),
            partial(numbers.deliveries, kind=kind),
            f"What organisations of kind {kind} delivered: counts, and the age of the last sign of life.",
        )
        for kind in lineage.KINDS.values()
    ]


def _looking(key: dg.AssetKey, look: Looking, text: str, deps: Sequence[dg.AssetKey] = ()) -> dg.AssetsDefinition:
    @dg.asset(key=key, group_name=key.path[0], deps=list(deps), description=text)
    def looked(database: Database) -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(metadata=database.read(look))

    return looked


@dg.asset(
    key=LOG,
    group_name="log",
    deps=[dg.AssetKey([DELIVERIES, kind]) for kind in lineage.KINDS.values()],
    description="The shared log: positions per partition, and how far the step is behind.",
)
def shared_log(database: Database) -> dg.MaterializeResult[None]:
    found = database.read(numbers.log)
    return dg.MaterializeResult(metadata=found, data_version=dg.DataVersion(str(found["last"])))


def views() -> list[dg.AssetsDefinition]:
    return [
        _looking(
            dg.AssetKey([VIEWS, view]),
            partial(numbers.view, name=view),
            f"The rows of the view {view}: how many, and how many hide something by consent.",
            [LOG, *(dg.AssetKey([DELIVERIES, kind]) for kind in sorted(lineage.feeds_of(view)))],
        )
        for view in lineage.views()
    ]


def desk() -> list[dg.AssetsDefinition]:
    """What stewards keep an eye on."""
    of: dict[str, tuple[Looking, dg.AssetKey, str]] = {
        "receipts": (numbers.receipts, LOG, "Sent and refused in the last fortnight, and parked now."),
        "quarantine": (numbers.quarantine, LOG, "Residents and records that are set aside."),
        "consents": (numbers.consents, LOG, "Rows in which consent hides something, by ground."),
        "requests": (numbers.requests, LOG, "Requests of residents, open and near their legal day."),
        "warnings": (numbers.warnings, LOG, "Warnings that are shown, by role."),
        "proofs": (numbers.proofs, LOG, "What was destroyed or restored, and is proven."),
        "figures": (numbers.snapshots, dg.AssetKey([VIEWS, "bewoner"]), "Frozen figures for policy and council."),
    }
    return [_looking(dg.AssetKey([DESK, name]), look, text, [on]) for name, (look, on, text) in of.items()]


def heard() -> list[dg.AssetChecksDefinition]:
    """Freshness by the time that each organisation agreed to, not by one for all."""
    return [_heard(kind) for kind in lineage.KINDS.values()]


def _heard(kind: str) -> dg.AssetChecksDefinition:
    text = "Every organisation gave a sign of life within the time that it agreed to."

    @dg.asset_check(asset=dg.AssetKey([DELIVERIES, kind]), name="heard", description=text)
    def looked(database: Database) -> dg.AssetCheckResult:
        found = database.read(lambda connection: {"silent": numbers.silent(connection, kind)})["silent"]
        return dg.AssetCheckResult(
            passed=not found, severity=dg.AssetCheckSeverity.WARN, metadata={"silent": ", ".join(found) or "none"}
        )

    return looked


def asset_of(suite: str) -> dg.AssetKey:
    if suite == checks.FACTS:
        return LOG
    if suite == checks.FEED:
        return dg.AssetKey([DESK, "receipts"])
    return dg.AssetKey([DESK, "warnings"] if suite == checks.WARNINGS else [VIEWS, suite])


def suite_checks() -> list[dg.AssetChecksDefinition]:
    """One per suite, over the last `woonketen quality run`. What blocks makes it an error, the rest a warning."""
    found = checks.shipped()
    return [
        _suite_check(suite, {each.id for each in found.of(suite) if each.level == "block"}) for suite in found.suites
    ]


def _suite_check(suite: str, blocking: set[str]) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=asset_of(suite), name=f"quality_{suite}", description=f"The suite {suite}.")
    def looked(database: Database) -> dg.AssetCheckResult:
        rows = database.read(lambda connection: numbers.results(connection, suite))
        failed = {check: number for check, number in rows.items() if number}
        return dg.AssetCheckResult(
            passed=bool(rows) and not failed,
            severity=dg.AssetCheckSeverity.ERROR if blocking & failed.keys() else dg.AssetCheckSeverity.WARN,
            metadata={"checks": len(rows), **{f"failed {check}": number for check, number in failed.items()}},
        )

    return looked
