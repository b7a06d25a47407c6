"""The checks as Great Expectations suites. Imported only where they run: the library takes seconds to load.

Each check is a column of booleans, and the expectation that they are all true. Results are `BOOLEAN_ONLY`: no value, no
sample and no row comes back; the counts beside them are SQL of our own.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from woonketen.contracts.checks import Checks
from woonketen.contracts.errors import ChecksError
from woonketen.orchestration.quality.counts import ROLE, expression, table_of

# Nothing phones home. Both are read when the library is imported.
os.environ["GX_ANALYTICS_ENABLED"] = "false"
os.environ["DO_NOT_TRACK"] = "1"


@contextmanager
def context() -> Iterator[Any]:
    """An ephemeral context: nothing of it is written anywhere. Raises `ChecksError` when the library is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import great_expectations as gx
        except ImportError:
            raise ChecksError(
                "Great Expectations is not installed.", "Install woonketen[stewardship], or run with --no-suites."
            ) from None
        logging.getLogger("great_expectations").setLevel(logging.ERROR)
        made = gx.get_context(mode="ephemeral")
        made.variables.progress_bars = {"globally": False, "metric_calculations": False}  # type: ignore[assignment]
        yield made


def url_of(dsn: str) -> str:
    """An SQLAlchemy address of the database, in the role that reads quality."""
    from sqlalchemy import URL

    told = conninfo_to_dict(dsn)
    return URL.create(
        "postgresql+psycopg",
        username=str(told.get("user") or ""),
        password=str(told["password"]) if told.get("password") else None,
        host=str(told.get("host") or ""),
        port=int(str(told.get("port") or 5432)),
        database=str(told.get("dbname") or ""),
        query={"options": f"-c role={ROLE}"},
    ).render_as_string(hide_password=False)


def run_suite(gx: Any, source: Any, checks: Checks, suite: str, org: str | None = None) -> dict[str, bool]:
    """Check → whether all rows passed; of one organisation, or of all. An empty table passes."""
    from great_expectations import ExpectationSuite, ValidationDefinition
    from great_expectations.expectations.core import ExpectColumnValuesToBeInSet

    name = suite if org is None else f"{suite}:{org}"
    wanted = checks.of(suite)
    asset = source.add_query_asset(name=name, query=_query(checks, suite, org))
    made = gx.suites.add_or_update(
        ExpectationSuite(
            name=name,
            expectations=[
                ExpectColumnValuesToBeInSet(column=each.id, value_set=[True], meta={"level": each.level})
                for each in wanted
            ],
        )
    )
    definition = gx.validation_definitions.add_or_update(
        ValidationDefinition(name=name, data=asset.add_batch_definition_whole_table("all"), suite=made)
    )
    result = definition.run(result_format="BOOLEAN_ONLY")
    found: dict[str, bool] = {}
    for each in result.results:
        if each.exception_info and each.exception_info.get("raised_exception"):
            raise ChecksError(f"A check of {suite} could not be run.", "Look at `woonketen doctor`.")
        found[each.expectation_config.kwargs["column"]] = bool(each.success)
    return found


def open_source(gx: Any, dsn: str) -> Any:
    return gx.data_sources.add_postgres("woonketen", connection_string=url_of(dsn))


def _query(checks: Checks, suite: str, org: str | None) -> str:
    wanted = checks.of(suite)
    columns = sql.SQL(", ").join(
        sql.SQL("{} AS {}").format(expression(checks, each), sql.Identifier(each.id)) for each in wanted
    )
    query = sql.SQL("SELECT {} FROM {}").format(columns, table_of(suite))
    if org is not None:
        query += sql.SQL(" WHERE org = {}").format(sql.Literal(org))
    return query.as_string(None)
