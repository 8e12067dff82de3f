"""Time enters here and is passed on; rules and folds never read a clock. Days are cut at Asia/Ho_Chi_Minh (UTC+7, no
DST)."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

Clock = Callable[[], datetime]

_OFFSET = timedelta(hours=7)
VIETNAM = timezone(_OFFSET, "+07")


def system_clock() -> datetime:
    """The time now, aware, UTC."""
    return datetime.now(UTC)


def local_day(at: datetime) -> date:
    """The calendar day of an aware moment in Vietnam."""
    if at.tzinfo is UTC:
        return (at + _OFFSET).date()
    offset = at.utcoffset()
    if offset is None:
        raise ValueError("a moment without an offset is on no day")
    return (at if offset == _OFFSET else at + (_OFFSET - offset)).date()


def start_of_day(day: date) -> datetime:
    """Midnight that begins `day` in Vietnam, aware."""
    return datetime(day.year, day.month, day.day, tzinfo=VIETNAM)


class ScaledClock:
    """A clock for demonstrations: starts at `origin` and runs `speed` times as fast as the wall, until `until`.

    From `until` on it runs at the wall's own pace, so that a demonstration ends instead of racing into the future.
    """

    def __init__(self, origin: datetime, speed: float, until: datetime | None = None) -> None:
        self._origin, self._speed, self._until = origin, speed, until
        self._started = time.monotonic()

    def __call__(self) -> datetime:
        elapsed = time.monotonic() - self._started
        fast = elapsed * self._speed
        if self._until is None:
            return self._origin + timedelta(seconds=fast)
        room = max((self._until - self._origin).total_seconds(), 0.0)
        if fast <= room:
            return self._origin + timedelta(seconds=fast)
        return self._origin + timedelta(seconds=room + elapsed - room / self._speed)
