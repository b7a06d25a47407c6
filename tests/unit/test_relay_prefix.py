"""What counts as sent: the longest prefix that was acknowledged and lies on the topic in its order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from woonketen.streams.kafka.relay import prefix

OFFSETS = st.lists(st.none() | st.integers(0, 30), max_size=12)


@given(OFFSETS)
def test_the_prefix_is_whole_in_order_and_as_long_as_can_be(offsets: list[int | None]) -> None:
    n = prefix(offsets)
    good = offsets[:n]
    assert None not in good
    assert good == sorted(set(good), key=lambda each: each or 0)
    if n < len(offsets):
        following, last = offsets[n], good[-1] if good else None
        assert following is None or (last is not None and following <= last)


def test_a_hole_ends_it_and_so_does_a_record_before_its_predecessor() -> None:
    assert prefix([]) == 0
    assert prefix([3, 4, None, 6]) == 2
    assert prefix([3, 5, 4]) == 2
    assert prefix([None]) == 0
