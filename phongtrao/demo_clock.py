"""The demonstration's clock: stands still while the province is set up, then runs fast; remembered between two runs."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from phongtrao.instance import write_private
from shared.clock import VIETNAM, ScaledClock

MORNING = datetime(2023, 7, 28, 7, 0, tzinfo=VIETNAM)
"""An hour before the ceremony: the first thing that the clock says."""
END = datetime(2023, 8, 16, 0, 0, tzinfo=VIETNAM)
"""The reports are due on the day before; from here on the clock runs at the wall's pace."""
AFTER_REFORMS = datetime(2025, 7, 2, 7, 0, tzinfo=VIETNAM)
"""The morning after the reform of 1/7/2025 took effect: where the clock may be sent to."""


class Moment(NamedTuple):
    """Where a demonstration stands."""

    now: datetime = MORNING
    played: datetime = MORNING
    """Everything that the plan wants before this has been answered."""
    seed: int = 2023
    share: float = 1.0
    """Share of the teams that take part; like the seed it stays what it was at the first start."""
    ready: bool = False
    """The province is set up: organisations, teams, members, campaign, course."""


class DemoClock:
    """Says `start` until `go()`, then runs `speed` times as fast as the wall; after a `jump` at the wall's pace."""

    def __init__(self, start: datetime, speed: float, until: datetime = END) -> None:
        self.speed = speed
        self._start, self._until = start, until
        self._running: ScaledClock | None = None

    def __call__(self) -> datetime:
        return self._running() if self._running else self._start

    def go(self) -> None:
        """Lets time run. A second call changes nothing."""
        self._running = self._running or ScaledClock(self._start, self.speed, self._until)

    def jump(self, to: datetime) -> None:
        """Goes on from a later moment. Raises ValueError when it is not later: recorded time never runs back."""
        if to <= self():
            raise ValueError(f"{to} is not after {self()}")
        self._running = ScaledClock(to, 1.0)


def load(file: Path, beginning: Moment) -> Moment:
    """The stored moment; the beginning when nothing is stored."""
    if not file.exists():
        return beginning
    stored = json.loads(file.read_text())
    now, played = (datetime.fromisoformat(stored[name]) for name in ("now", "played"))
    return Moment(now, played, int(stored["seed"]), float(stored["share"]), bool(stored["ready"]))


def save(file: Path, moment: Moment) -> None:
    """Stores the moment."""
    write_private(file, json.dumps(moment._asdict(), default=datetime.isoformat) + "\n")
