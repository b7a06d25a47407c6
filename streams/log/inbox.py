"""What arrived of one partition and is not applied yet: copies fall away, what came too early waits."""

from __future__ import annotations

from collections.abc import Sequence

from woonketen.contracts.facts import Record


class Inbox:
    """A relay sends everything from the first failure on again, so a record may come twice, and one may come before its
    predecessor, which then comes, with everything behind it. `copies`: how many fell away; `applied`:
    behind which number it was taken from last."""

    def __init__(self) -> None:
        self._held: dict[int, tuple[int, Record]] = {}
        self.applied = 0
        self.copies = 0

    def offer(self, offset: int, record: Record) -> None:
        if record.seq <= self.applied or record.seq in self._held:
            self.copies += 1
        else:
            self._held[record.seq] = (offset, record)

    def take(self, after: int, limit: int) -> Sequence[Record]:
        """Records `after + 1`, `after + 2`, … as far as they are here. They stay until a later call tells that they
        were applied."""
        if after != self.applied:
            for seq in [seq for seq in self._held if seq <= after]:
                del self._held[seq]
            self.applied = after
        found = []
        for seq in range(after + 1, after + 1 + min(limit, len(self._held))):
            if seq not in self._held:
                break
            found.append(self._held[seq][1])
        return found

    def hint(self, upto: int) -> int | None:
        """An offset from which everything behind `upto`, which was taken just now, can be read again."""
        return min((offset for seq, (offset, _) in self._held.items() if seq >= upto), default=None)

    def has(self, seq: int) -> bool:
        return seq in self._held

    def ahead_of(self, applied: int) -> bool:
        """Whether anything behind that position is here."""
        return any(seq > applied for seq in self._held)

    def first(self, after: int) -> int | None:
        """The lowest number behind that one that is here."""
        return min((seq for seq in self._held if seq > after), default=None)
