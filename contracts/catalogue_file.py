"""A catalogue in YAML, read strictly: the error names the place in the file, never what stands there."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from woonketen.contracts.errors import ConfigurationError

Read = TypeVar("Read")


def read_catalogue(text: str, into: type[Read], error: type[ConfigurationError], what: str, file: str) -> Read:
    """`what` is in `file`, in words for who has to mend it. Raises `error`."""
    import yaml  # here, because a command that reads no catalogue should not pay for it

    try:
        return msgspec.convert(yaml.safe_load(text), into)
    except (yaml.YAMLError, msgspec.ValidationError) as wrong:
        mark = getattr(wrong, "problem_mark", None)
        place = f" at line {mark.line + 1}" if mark else f" ({str(wrong).rpartition(' - at ')[2]})"
        raise error(f"The {what} is not whole{place}.", f"Mend {file}.") from None
