"""PostgreSQL's errors in our own words: a driver's message can quote a value."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from woonketen.contracts.errors import ConfigurationError, Unreachable


@contextmanager
def told() -> Iterator[None]:
    """Raises `Unreachable` when the server is gone, full or overloaded, `ConfigurationError` when the database is not
    prepared for this program; other errors are the program's own and pass."""
    try:
        yield
    except psycopg.errors.DiskFull:
        raise Unreachable("The disk of the database is full.", "Make room; nothing was lost, send again.") from None
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName, psycopg.errors.UndefinedColumn):
        raise ConfigurationError("The database is not prepared for this program.", "Run `woonketen init`.") from None
    except (psycopg.errors.InsufficientResources, psycopg.errors.ObjectNotInPrerequisiteState):
        raise Unreachable("The database is overloaded.", "Wait a moment; nothing was lost, do this again.") from None
    except (psycopg.errors.TransactionRollback, psycopg.errors.QueryCanceled):
        raise Unreachable("The database gave up on this.", "Nothing was lost, do this again.") from None
    except psycopg.OperationalError:
        raise Unreachable("The database cannot be reached.", "Start it, then do this again.") from None
