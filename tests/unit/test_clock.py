"""The day of a moment is the day in Vietnam, whatever offset the moment came with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.clock import local_day

OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
FIRST, LAST = (datetime(year, 1, 1, tzinfo=UTC).replace(tzinfo=None) for year in (1990, 2101))
MOMENTS = st.datetimes(FIRST, LAST, timezones=st.one_of(st.just(UTC), OFFSETS))


@given(MOMENTS)
def test_any_offset_gives_the_day_in_vietnam(moment: datetime) -> None:
    assert local_day(moment) == moment.astimezone(ZoneInfo("Asia/Ho_Chi_Minh")).date()


def test_a_moment_without_an_offset_is_refused_and_not_taken_for_the_machines_own() -> None:
    with pytest.raises(ValueError, match="without an offset"):
        local_day(FIRST)
