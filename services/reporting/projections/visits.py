"""Who guided one citizen in one campaign, and what a further or a withdrawn guidance changes in the distinct counts.

A citizen is counted once for each member, for each unit, for each district and for the province, however many guidances
there were; when the last guidance that made a citizen count is withdrawn, the count goes back.
"""

from __future__ import annotations

from functools import lru_cache
from json.encoder import encode_basestring_ascii as _quoted
from typing import NamedTuple

from pydantic_core import from_json


class Visit(NamedTuple):
    """Guidances of one citizen by one member of one team at one unit; the numbers are those that were not withdrawn."""

    member_id: str
    team_id: str
    unit_id: str
    district_id: str
    sessions: int
    in_window: int


class Change(NamedTuple):
    """How distinct counts change: -1, 0 or 1 each."""

    member: int
    """Citizens of the member."""
    member_in_window: int
    """Citizens of the member within the campaign's window: the quota counts these."""
    unit: int
    """Citizens of the team's unit."""
    district: int
    """Citizens of the district."""
    province: int
    """Citizens of the province."""


Visits = tuple[Visit, ...]


def read(text: str | None) -> Visits:
    """From the row's text; no row, no visits."""
    return tuple(map(Visit._make, from_json(text))) if text else ()


def write(visits: Visits) -> str:
    """For the row: a JSON array of arrays, in a fixed order. An encoder would take three times as long."""
    rest = sorted(visits) if len(visits) > 1 else visits
    return "[" + ",".join([f"{_where(*v[:4])},{v.sessions},{v.in_window}]" for v in rest]) + "]"


@lru_cache(maxsize=16_384)
def _where(member_id: str, team_id: str, unit_id: str, district_id: str) -> str:
    """How a visit begins: the same for all citizens of a member."""
    return f"[{_quoted(member_id)},{_quoted(team_id)},{_quoted(unit_id)},{_quoted(district_id)}"


def fold(text: str | None, at: Visit, by: int) -> tuple[str, Change]:
    """`apply` from a row's text to a row's text."""
    if text is None and by > 0:  # most guidances are a citizen's first
        return f"[{_where(*at[:4])},1,{at.in_window}]]", _FIRST[at.in_window]
    after, change = apply(read(text), at, by)
    return write(after), change


def apply(visits: Visits, at: Visit, by: int) -> tuple[Visits, Change]:
    """One guidance more (`by` 1) or one withdrawn (`by` -1) by the member, for the team, at the unit of `at`;
    `at.in_window` says 0 or 1.

    Raises LookupError when there is nothing to withdraw.
    """
    same = next((v for v in visits if v[:4] == at[:4]), None)
    sessions = (same.sessions if same else 0) + by
    in_window = (same.in_window if same else 0) + by * at.in_window
    if not 0 <= in_window <= sessions:
        raise LookupError("a guidance is withdrawn that was never counted")
    rest = tuple(v for v in visits if v is not same)
    after = (*rest, at._replace(sessions=sessions, in_window=in_window)) if sessions else rest
    was, now = _counted(visits, at), _counted(after, at)
    return after, Change._make(b - a for a, b in zip(was, now, strict=True))


_FIRST = (Change(1, 0, 1, 1, 1), Change(1, 1, 1, 1, 1))


def _counted(visits: Visits, at: Visit) -> Change:
    """Where these visits make the citizen count, of the places that `at` can change: 0 or 1 each."""
    member = in_window = unit = district = 0
    for visit in visits:
        if visit.member_id == at.member_id:
            member, in_window = 1, in_window or int(visit.in_window > 0)
        unit |= visit.unit_id == at.unit_id
        district |= visit.district_id == at.district_id
    return Change(member, in_window, unit, district, int(bool(visits)))
