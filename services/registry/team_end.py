"""Rules of how a team ends: disbanded, or merged into another, which its members join. Pure: state and wishes in,
events out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from services.registry import membership
from services.registry.membership import A_DAY, Membership, RoleSince
from services.registry.team import TeamHistory, must_be_there
from shared import errors
from shared.clock import start_of_day
from shared.contracts.reform import EndReason, MoveReason
from shared.contracts.registry import LeaveReason, RegistryEvent, Role, TeamDisbanded


class Group(NamedTuple):
    """A team and all places that anybody ever had on it."""

    history: TeamHistory
    places: Sequence[Membership]


class Merging(NamedTuple):
    """What a decision says that merges a team into another."""

    effective_on: date
    """The first day on which the one is part of the other."""
    leader_id: str | None
    """Who leads from that day on, where both have a leader."""
    other_role: Role
    """What the other of the two leaders becomes."""


class Ended(NamedTuple):
    """What changes when a team ends."""

    left: tuple[Membership, ...]
    joined: tuple[Membership, ...]
    roles: tuple[tuple[Membership, RoleSince], ...]
    events: tuple[RegistryEvent, ...]


def disband(group: Group, last_day: date, reason: EndReason, now: datetime) -> Ended:
    """A team ends; the places on it end with it."""
    must_be_there(group.history.team, last_day, "last_day", now)
    _nothing_later(group, last_day, "last_day")
    left = [
        membership.leave(group.history, place, last_day, LeaveReason.OTHER, now, field="last_day")
        for place in _open(group)
    ]
    events = (*(event for _, event in left), _disbanded(group.history, last_day, reason, None))
    return Ended(tuple(place for place, _ in left), (), (), events)


def merge(group: Group, into: Group, merging: Merging, now: datetime) -> Ended:
    """A team becomes part of another: who is on it still moves there, and keeps the role, but for one of two leaders.

    Somebody who is on the other team already only leaves this one.
    """
    _may_merge(group, into, merging, now)
    leader_id = _who_leads(group, into, merging)
    there, roles, told = _roles_there(into, leader_id, merging, now)
    left, joined = [], []
    for place in _open(group):
        last_day = merging.effective_on - A_DAY
        gone, event = membership.leave(group.history, place, last_day, LeaveReason.MOVED, now, field="effective_on")
        left.append(gone)
        told.append(event)
        if any(m.member_id == place.member_id and m.reaches(merging.effective_on) for m in there):
            continue
        role = merging.other_role if place.role is Role.LEADER and place.member_id != leader_id else place.role
        new = membership.new(place.member_id, _id(into), role, place.organisation_id, merging.effective_on)
        told.append(membership.join(into.history, there, new, now, field="effective_on"))
        joined.append(new)
        there.append(new)
    told.append(_disbanded(group.history, merging.effective_on - A_DAY, EndReason.MERGED, _id(into)))
    return Ended(tuple(left), tuple(joined), tuple(roles), tuple(told))


def _may_merge(group: Group, into: Group, merging: Merging, now: datetime) -> None:
    day = merging.effective_on
    if _id(group) == _id(into):
        raise errors.invalid(
            "same_team",
            "into_team_id",
            "Không thể sáp nhập một tổ vào chính nó.",
            "A team cannot be merged into itself.",
        )
    must_be_there(group.history.team, day, "effective_on", now)
    must_be_there(into.history.team, day, "effective_on", now)
    if day == group.history.team.formed_on:
        raise errors.invalid(
            "end_before_start",
            "effective_on",
            f"Tổ được lập ngày {day:%d/%m/%Y}; ngày sáp nhập phải sau ngày đó.",
            f"The team was formed on {day}; it can be merged from the next day on.",
        )
    _nothing_later(group, day - A_DAY, "effective_on")


def _who_leads(group: Group, into: Group, merging: Merging) -> str | None:
    """Who leads from the day of merging on; None where neither team has a leader then."""
    here = [p.member_id for p in _open(group) if p.role is Role.LEADER]
    there = [p.member_id for p in into.places if p.leads_from(merging.effective_on)]
    leaders = list(dict.fromkeys([*there, *here]))
    if merging.leader_id in leaders or (merging.leader_id is None and len(leaders) < 2):
        return merging.leader_id or next(iter(leaders), None)
    names = ", ".join(f"«{i}»" for i in leaders) or "–"
    raise errors.invalid(
        "leader_needed",
        "leader_id",
        f"Hãy nêu ai là tổ trưởng của tổ sau sáp nhập, trong các tổ trưởng hiện có: {names}.",
        f"Say who leads the merged team, of the leaders that there are: {names}.",
    )


def _roles_there(
    into: Group, leader_id: str | None, merging: Merging, now: datetime
) -> tuple[list[Membership], list[tuple[Membership, RoleSince]], list[RegistryEvent]]:
    """The places on the other team, with its leader another, where it is to be so: first one leaves the lead."""
    there, day = list(into.places), merging.effective_on
    roles: list[tuple[Membership, RoleSince]] = []
    told: list[RegistryEvent] = []
    stepping_down = [(p, merging.other_role) for p in there if p.leads_from(day) and p.member_id != leader_id]
    leading = [(p, Role.LEADER) for p in there if p.member_id == leader_id and p.holds_on(day)]
    for place, role in [*stepping_down, *((p, r) for p, r in leading if not p.leads_from(day))]:
        since = RoleSince(day, role)
        changed, event = membership.change_role(into.history, there, place, since, now)
        there[there.index(place)] = changed
        roles.append((changed, since))
        told.append(event)
    return there, roles, told


def _nothing_later(group: Group, last_day: date, field: str) -> None:
    """Refuses an end before something that people did with the team; what a reform did to it may come later."""
    history = group.history
    days = [n.valid_from for n in history.names]
    days += [p.valid_from for p in history.places if p.reason == MoveReason.TRANSFER]
    days += [day for p in group.places for day in (p.joined_on, p.left_on) if day]
    if max(days) > last_day:
        raise errors.conflict(
            "newer_on_record",
            field,
            f"Đã ghi một thay đổi của tổ ngày {max(days):%d/%m/%Y}; ngày kết thúc phải từ ngày đó trở đi.",
            f"A change of the team on {max(days)} is on record; it cannot end before that.",
        )


def _open(group: Group) -> list[Membership]:
    return [p for p in group.places if p.left_on is None]


def _id(group: Group) -> str:
    return group.history.team.team_id


def _disbanded(history: TeamHistory, last_day: date, reason: EndReason, into_team_id: str | None) -> TeamDisbanded:
    where = history.place_on(last_day)
    return TeamDisbanded(
        occurred_at=start_of_day(last_day),
        team_id=history.team.team_id,
        district_id=where.district_id,
        commune_id=where.commune_id,
        last_day=last_day,
        reason=reason,
        into_team_id=into_team_id,
    )
