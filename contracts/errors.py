"""Every error of Woonketen, in one tree.

WoonketenError                 70  a message and how to mend it; never a value, never a person
├── Refusal                     1  an event that cannot be taken; `reason` is a word of interfaces.md section 4
│   ├── Malformed                  not JSON, not CloudEvents, or JSON that two readers would read differently
│   ├── TooLarge
│   ├── UnknownType
│   ├── UnknownVersion
│   ├── SchemaError                the payload breaks its contract; `detail` is the field's path
│   ├── NotYourType
│   ├── NotYourSource
│   ├── PersonalData               personal data in a context attribute
│   ├── ConflictingDuplicate
│   ├── LinkCodeRefused
│   ├── LinkCodesSpent             too many wrong codes; the reason is that of a wrong one
│   ├── RetentionUnset
│   └── Objected
├── ConfigurationError          2  wrong use or wrong settings
│   ├── PolicyError                the policy file does not load
│   ├── IndicatorError             the indicator file does not load
│   ├── ChecksError                the catalogue of data checks does not load, or has no such check
│   ├── FiguresError               the catalogue of policy tables does not load
│   ├── RetentionError             the retention file does not load
│   ├── WrongKey                   the key file does not open what is stored
│   ├── Held                       a legal hold keeps what should go
│   ├── NewerSchema                the database was made by a newer program
│   ├── NotLetIn                   a server does not accept the user, password or key
│   ├── OutboxBusy                 another process has the outbox open
│   └── OutboxUnreadable           the file is no outbox, or damaged
├── Unreachable                 3  a needed server cannot be reached
│   ├── KeyMissing                 a key id with neither key nor tombstone: the vault is incomplete
│   ├── TryLater                   a server asks to wait; `after` is in seconds
│   └── OutboxFull                 no room for another event; nothing that was stored is lost
├── SetAside                    1  something of this resident cannot be read, so nothing more is made of it
├── NotYours                    2  other code, policy or indicators made this set of views: rebuild it
└── Behind                      1  the fresh set has not caught up, so it is not swapped in
"""

from __future__ import annotations


class WoonketenError(Exception):
    """`message` says what is wrong, `mend` what to do; both are sentences of ours and hold no value from outside."""

    exit_code = 70

    def __init__(self, message: str, mend: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend

    def __str__(self) -> str:
        return f"{self.message} {self.mend}".strip()


class Refusal(WoonketenError):
    """An event that cannot be taken. `detail` names fields, never values."""

    exit_code = 1
    reason = "malformed"

    def __init__(self, detail: str, mend: str = "") -> None:
        super().__init__(detail, mend)
        self.detail = detail


class Malformed(Refusal):
    reason = "malformed"


class TooLarge(Refusal):
    reason = "too_large"


class UnknownType(Refusal):
    reason = "unknown_type"


class UnknownVersion(Refusal):
    reason = "unknown_version"


class SchemaError(Refusal):
    """`detail` is the path of the field, for example `data.actions[2].due_on`."""

    reason = "schema"


class NotYourType(Refusal):
    reason = "not_your_type"


class NotYourSource(Refusal):
    reason = "not_your_source"


class PersonalData(Refusal):
    reason = "personal_data_in_context"


class ConflictingDuplicate(Refusal):
    reason = "conflicting_duplicate"


class Objected(Refusal):
    reason = "objection"


class LinkCodeRefused(Refusal):
    reason = "link_code"


class LinkCodesSpent(LinkCodeRefused):
    pass


class RetentionUnset(Refusal):
    reason = "retention_unset"


class ConfigurationError(WoonketenError):
    exit_code = 2


class PolicyError(ConfigurationError):
    pass


class ChecksError(ConfigurationError):
    """The catalogue of data checks is incomplete, or has no such check."""


class FiguresError(ConfigurationError):
    """The catalogue of policy tables is incomplete or contradicts itself."""


class IndicatorError(ConfigurationError):
    pass


class RetentionError(ConfigurationError):
    pass


class WrongKey(ConfigurationError):
    pass


class Held(ConfigurationError):
    pass


class NewerSchema(ConfigurationError):
    pass


class NotLetIn(ConfigurationError):
    pass


class OutboxBusy(ConfigurationError):
    pass


class OutboxUnreadable(ConfigurationError):
    pass


class Unreachable(WoonketenError):
    exit_code = 3


class KeyMissing(Unreachable):
    pass


class TryLater(Unreachable):
    def __init__(self, message: str, mend: str = "", *, after: float = 1.0) -> None:
        super().__init__(message, mend)
        self.after = after


class OutboxFull(Unreachable):
    pass


class SetAside(WoonketenError):
    """A record of a resident does not open or decode: what it narrows is not known, so nobody is shown anything."""

    exit_code = 1

    def __init__(self) -> None:
        super().__init__(
            "A record of this resident cannot be read, so nothing is shown.", "Look at `woonketen quarantine list`."
        )


class NotYours(WoonketenError):
    exit_code = 2


class Behind(WoonketenError):
    exit_code = 1
