"""Who guided one citizen in one campaign, and what a further or a withdrawn guidance changes in the distinct counts.

A citizen is counted once for each member, for each unit, for each district and for the province, however many guidances
there were; when the last guidance that made a citizen count is withdrawn, the count goes back.
"""

from __future__ import annotations

from collections.abc import Sequence
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


@lru_cache(maxsize=16_384)
def _first(at: Visit) -> str:
    """The only visit of a citizen: the same for all whom a member guided once."""
    return write((at,))


def fold(text: str | None, at: Visit, by: int) -> tuple[str, Change]:
    """`apply` from a row's text to a row's text."""
    if text is None and by > 0:  # most guidances are a citizen's first
        return _first(at), _FIRST[at.in_window]
    after, change = apply(read(text), at, by)
    return write(after), change


def apply(visits: Visits, at: Visit, by: int) -> tuple[Visits, Change]:
    """One guidance more (`by` 1) or one withdrawn (`by` -1) by the member, for the team, at the unit of `at`;
    `at.in_window` says 0 or 1.

    Raises LookupError when there is nothing to withdraw.
    """
    where = at[:4]
    same, rest = None, []
    for visit in visits:
        if visit[:4] == where:
            same = visit
        else:
            rest.append(visit)
    sessions = (same.sessions if same else 0) + by
    in_window = (same.in_window if same else 0) + by * at.in_window
    if not 0 <= in_window <= sessions:
        raise LookupError("a guidance is withdrawn that was never counted")
    change = _change(rest, at, same, in_window if sessions else None)
    if sessions:
        rest.append(Visit(*where, sessions, in_window))
    return tuple(rest), change


_FIRST = (Change(1, 0, 1, 1, 1), Change(1, 1, 1, 1, 1))


def _change(rest: Sequence[Visit], at: Visit, same: Visit | None, in_window: int | None) -> Change:
    """How counts change where the visit `same` becomes one with so many guidances in the window, or none; `rest` are
    the citizen's other visits, which may count for the same member, unit or district."""
    by = int(in_window is not None) - int(same is not None)
    member = counted = unit = district = 0
    for visit in rest:
        if visit.member_id == at.member_id:
            member, counted = 1, counted or int(visit.in_window > 0)
        unit |= visit.unit_id == at.unit_id
        district |= visit.district_id == at.district_id
    was, now = int(same is not None and same.in_window > 0), int((in_window or 0) > 0)
    return Change(
        0 if member else by, 0 if counted else now - was, 0 if unit else by, 0 if district else by, 0 if rest else by
    )
