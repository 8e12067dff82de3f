"""A small read model that any lost, doubled or reordered event spoils for good."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from shared.contracts import Recorded
from shared.contracts.registry import TeamFormed
from shared.projection import Counters, Projection, Rows, Table

MIGRATIONS = Path(__file__).parent


class TeamTally(NamedTuple):
    """An aggregate: `trail` is a digest over every event in the order in which it was folded."""

    team_id: str
    district_id: str
    version: int
    out_of_order: int
    trail: str


class DistrictTally(NamedTuple):
    """A row that many events touch; the engine keeps it in memory."""

    district_id: str
    teams: int
    events: int


class DistrictCount(NamedTuple):
    """The same events, counted without reading: the first one's id, how many, the latest moment at which one was."""

    district_id: str
    first_id: str | None
    events: int
    last_at: datetime


team_tally = Table("team_tally", TeamTally, key=1)
district_tally = Table("district_tally", DistrictTally, key=1, cached=True)
district_counts = Counters("district_count", DistrictCount, key=1)


def make_tally(*, version: int = 1) -> Projection:
    """The projection; a function, so that a test may have another version of it."""
    tally = Projection("tally", version=version, tables=(team_tally, district_tally, district_counts))
    tally.on(TeamFormed, needs=lambda _, e: [(team_tally, (e.team_id,))])(count)
    return tally


def count(rows: Rows, rec: Recorded, event: TeamFormed) -> None:
    """The n-th event of a team says n in its decision's number."""
    said = int(event.decision_number)
    if said < 0:
        raise ValueError("a poisonous event")
    team = rows.get(team_tally, event.team_id) or TeamTally(event.team_id, event.unit_id, 0, 0, "")
    trail = hashlib.sha256(f"{team.trail} {rec.pos} {rec.id}".encode()).hexdigest()
    wrong = team.out_of_order + (said != team.version + 1)
    district = rows.get(district_tally, event.unit_id) or DistrictTally(event.unit_id, 0, 0)
    rows.put(
        district_tally,
        district._replace(teams=district.teams + (team.version == 0), events=district.events + 1),
    )
    rows.add(district_counts, (event.unit_id,), (rec.id, 1, event.occurred_at))
    rows.put(team_tally, team._replace(version=said, out_of_order=wrong, trail=trail))


TALLY = make_tally()
