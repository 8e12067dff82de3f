"""Who guided one citizen in one campaign, and what a further or a withdrawn guidance changes in the distinct counts.

A citizen is counted once for each member, for each unit, for each district and for the province, however many guidances
there were; when the last guidance that made a citizen count is withdrawn, the count goes back.
"""

from __future__ import annotations

import json
from typing import NamedTuple


class Visit(NamedTuple):
    """Guidances of one citizen by one member at one unit. All numbers are guidances that were not withdrawn."""

    member_id: str
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
    return tuple(Visit(*v) for v in json.loads(text)) if text else ()


def write(visits: Visits) -> str:
    """For the row: a JSON array of arrays, in a fixed order."""
    return json.dumps(sorted(visits), separators=(",", ":"))


def apply(visits: Visits, at: Visit, by: int) -> tuple[Visits, Change]:
    """One guidance more (`by` 1) or one withdrawn (`by` -1) at the member and unit of `at`; `at.in_window` says 0 or 1.

    Raises LookupError when there is nothing to withdraw.
    """
    same = next((v for v in visits if v[:3] == at[:3]), None)
    sessions = (same.sessions if same else 0) + by
    in_window = (same.in_window if same else 0) + by * at.in_window
    if not 0 <= in_window <= sessions:
        raise LookupError("a guidance is withdrawn that was never counted")
    rest = tuple(v for v in visits if v is not same)
    after = (*rest, at._replace(sessions=sessions, in_window=in_window)) if sessions else rest
    return after, _change(visits, after, at)


def _change(before: Visits, after: Visits, at: Visit) -> Change:
    return Change(
        _has_member(after, at) - _has_member(before, at),
        _has_member_in_window(after, at) - _has_member_in_window(before, at),
        any(v.unit_id == at.unit_id for v in after) - any(v.unit_id == at.unit_id for v in before),
        any(v.district_id == at.district_id for v in after) - any(v.district_id == at.district_id for v in before),
        bool(after) - bool(before),
    )


def _has_member(visits: Visits, at: Visit) -> bool:
    return any(v.member_id == at.member_id for v in visits)


def _has_member_in_window(visits: Visits, at: Visit) -> bool:
    return any(v.member_id == at.member_id and v.in_window for v in visits)
