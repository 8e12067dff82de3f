"""Rules of people on teams: who may join, leave and lead, and when. Pure: state and wishes in, events out.

A person may be on several teams, and on one team several times, one after the other. Every role is held from a day on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from services.registry.team import TeamHistory, must_be_there, not_in_future
from shared import errors
from shared.clock import start_of_day
from shared.contracts.registry import LeaveReason, MemberJoined, MemberLeft, MemberRoleChanged, Role

A_DAY = timedelta(days=1)


class RoleSince(NamedTuple):
    """A role, and the first day on which it is held."""

    valid_from: date
    role: Role


class Membership(NamedTuple):
    """A person's place on a team; both days are included."""

    member_id: str
    team_id: str
    joined_on: date
    left_on: date | None
    leave_reason: LeaveReason | None
    organisation_id: str | None
    roles: tuple[RoleSince, ...]
    """At least one, by day; the first from the joining day on."""

    @property
    def role(self) -> Role:
        """The last role."""
        return self.roles[-1].role

    def holds_on(self, day: date) -> bool:
        """Whether the person is on the team that day."""
        return self.joined_on <= day and self.reaches(day)

    def reaches(self, day: date) -> bool:
        """Whether the place is held on that day or on any later one."""
        return self.left_on is None or day <= self.left_on

    def role_on(self, day: date) -> Role | None:
        """The role on a day; None when the person is not on the team then."""
        held = [r.role for r in self.roles if r.valid_from <= day] if self.holds_on(day) else []
        return held[-1] if held else None

    def leads_from(self, day: date) -> date | None:
        """The first day, from that day on, on which the person leads; None where there is none."""
        ends = [*(r.valid_from - A_DAY for r in self.roles[1:]), self.left_on or date.max]
        spans = zip(self.roles, ends, strict=True)
        return next((max(r.valid_from, day) for r, end in spans if r.role is Role.LEADER and day <= end), None)

    def with_role(self, role: RoleSince) -> Membership:
        """The same with another role from a day on; one from that same day goes."""
        return self._replace(roles=(*(r for r in self.roles if r.valid_from < role.valid_from), role))


def new(member_id: str, team_id: str, role: Role, organisation_id: str | None, joined_on: date) -> Membership:
    """A place from a day on."""
    return Membership(member_id, team_id, joined_on, None, None, organisation_id, (RoleSince(joined_on, role),))


def join(
    history: TeamHistory, there: Iterable[Membership], joining: Membership, now: datetime, *, field: str = "joined_on"
) -> MemberJoined:
    """A person takes a place on a team. `there`: all places on the team; `field`: where the joining day stands."""
    must_be_there(history.team, joining.joined_on, field, now)
    others = list(there)
    for one in others:
        if one.member_id == joining.member_id and one.reaches(joining.joined_on):
            raise _on_team_already(one)
    if joining.role is Role.LEADER:
        _no_other_leader(others, joining.member_id, joining.joined_on)
    where = history.place_on(joining.joined_on)
    return MemberJoined(
        occurred_at=start_of_day(joining.joined_on),
        member_id=joining.member_id,
        team_id=joining.team_id,
        role=joining.role,
        organisation_id=joining.organisation_id,
        unit_id=where.unit_id,
        district_id=where.district_id,
        commune_id=where.commune_id,
        joined_on=joining.joined_on,
    )


def leave(
    history: TeamHistory, place: Membership, left_on: date, reason: LeaveReason, now: datetime, *,
    field: str = "left_on",
) -> tuple[Membership, MemberLeft]:  # fmt: skip
    """A person's place ends; `left_on` is the last day on the team, `field` where it stands."""
    not_in_future(field, left_on, now)
    if place.left_on is not None:
        raise left_already(place)
    if left_on < place.joined_on:
        raise errors.invalid(
            "end_before_start",
            field,
            f"Ngày cuối ở tổ phải từ ngày tham gia {place.joined_on:%d/%m/%Y} trở đi.",
            f"The last day on the team must be on or after the joining day {place.joined_on}.",
        )
    _not_before_last_role(place, left_on, field)
    where = history.place_on(left_on)
    return place._replace(left_on=left_on, leave_reason=reason), MemberLeft(
        occurred_at=start_of_day(left_on),
        member_id=place.member_id,
        team_id=place.team_id,
        district_id=where.district_id,
        commune_id=where.commune_id,
        left_on=left_on,
        reason=reason,
    )


def change_role(
    history: TeamHistory, there: Iterable[Membership], place: Membership, role: RoleSince, now: datetime
) -> tuple[Membership, MemberRoleChanged]:
    """A person has another role from a day on. `there`: all places on the team."""
    not_in_future("effective_on", role.valid_from, now)
    if place.left_on is not None:
        raise left_already(place)
    if role.valid_from < place.joined_on:
        raise errors.invalid(
            "before_joining",
            "effective_on",
            f"Người này tham gia tổ từ ngày {place.joined_on:%d/%m/%Y}; nhiệm vụ mới phải từ ngày đó trở đi.",
            f"The person joined on {place.joined_on}; the role must begin on or after that day.",
        )
    _not_before_last_role(place, role.valid_from, "effective_on")
    if role.role is place.role:
        raise errors.conflict(
            "same_role",
            "role",
            f"Người này đang giữ nhiệm vụ này từ ngày {place.roles[-1].valid_from:%d/%m/%Y}.",
            f"The person has had this role since {place.roles[-1].valid_from}.",
        )
    if role.role is Role.LEADER:
        _no_other_leader(there, place.member_id, role.valid_from)
    where = history.place_on(role.valid_from)
    return place.with_role(role), MemberRoleChanged(
        occurred_at=start_of_day(role.valid_from),
        member_id=place.member_id,
        team_id=place.team_id,
        district_id=where.district_id,
        commune_id=where.commune_id,
        role=role.role,
        effective_on=role.valid_from,
    )


class Moved(NamedTuple):
    """What changes when a person goes from one team to another."""

    left: Membership
    joined: Membership
    events: tuple[MemberLeft, MemberJoined]


def move(
    old: tuple[TeamHistory, Membership], new_team: tuple[TeamHistory, Iterable[Membership]], role: RoleSince,
    now: datetime,
) -> Moved:  # fmt: skip
    """A person is on another team from a day on, and on the old one until the day before."""
    (old_team, place), (history, there) = old, new_team
    if old_team.team.team_id == history.team.team_id:
        raise errors.invalid(
            "same_team",
            "to_team_id",
            "Người này đang ở chính tổ đó. Hãy chọn tổ khác.",
            "The person is on that team already. Choose another one.",
        )
    not_in_future("moved_on", role.valid_from, now)
    left, went = leave(old_team, place, role.valid_from - A_DAY, LeaveReason.MOVED, now, field="moved_on")
    joined = new(place.member_id, history.team.team_id, role.role, place.organisation_id, role.valid_from)
    return Moved(left, joined, (went, join(history, there, joined, now, field="moved_on")))


def meant_place(places: Sequence[Membership], member_id: str, team_id: str | None, *, field: str) -> Membership:
    """Which place of a person is meant: on a team, or the only open one, or the last. `places`: all of the person's."""
    if not places:
        raise no_such_member(member_id)
    meant = [p for p in places if team_id in (None, p.team_id)]
    if not meant:
        raise errors.invalid(
            "not_on_team",
            field,
            f"Thành viên «{member_id}» không thuộc tổ «{team_id}».",
            f"The member «{member_id}» is not on the team «{team_id}».",
        )
    still = [p for p in meant if p.left_on is None]
    if len(still) > 1:
        raise errors.invalid(
            "team_needed",
            field,
            f"Người này đang ở {len(still)} tổ. Hãy nêu rõ tổ nào.",
            f"The person is on {len(still)} teams. Say which one.",
        )
    return still[0] if still else max(meant, key=lambda p: p.joined_on)


def open_place(places: Sequence[Membership], team_id: str) -> Membership:
    """The open place of a person on a team. Refuses one who left it. `places`: all of the person's."""
    there = [p for p in places if p.team_id == team_id]
    last = max(there, key=lambda p: p.joined_on)
    if last.left_on is not None:
        raise left_already(last)
    return last


def _no_other_leader(there: Iterable[Membership], member_id: str, day: date) -> None:
    """Refuses somebody who would lead from a day on, for good, while another leads on any of these days."""
    led = [first for m in there if m.member_id != member_id and (first := m.leads_from(day))]
    if led:
        raise errors.conflict(
            "leader_exists",
            "role",
            f"Tổ đã có tổ trưởng khác (ngày {min(led):%d/%m/%Y}). Hãy kết thúc nhiệm vụ của người đó trước.",
            f"The team has another leader (on {min(led)}). End that leader's duty first.",
        )


def _not_before_last_role(place: Membership, day: date, field: str) -> None:
    since = place.roles[-1].valid_from
    if day < since:
        raise errors.invalid(
            "before_role_change",
            field,
            f"Nhiệm vụ của người này đã thay đổi từ ngày {since:%d/%m/%Y}; ngày này phải từ ngày đó trở đi.",
            f"The person's role changed on {since}; this must be on or after that day.",
        )


def no_such_member(member_id: str) -> errors.Problem:
    """404: registry knows no such member."""
    return errors.not_found(
        "no_such_member",
        "member_id",
        f"Không có thành viên «{member_id}».",
        f"There is no member «{member_id}».",
    )


def left_already(place: Membership) -> errors.Problem:
    """409: the person is on the team no longer."""
    return errors.conflict(
        "left_already",
        "member_id",
        f"Thành viên đã rời tổ ngày {place.left_on:%d/%m/%Y}.",
        f"The member left on {place.left_on}.",
    )


def _on_team_already(place: Membership) -> errors.Problem:
    until = f"đến {place.left_on:%d/%m/%Y}" if place.left_on else "đến nay"
    return errors.conflict(
        "on_team_already",
        "member_id",
        f"Người này ở tổ từ {place.joined_on:%d/%m/%Y} {until}. Lần tham gia mới phải sau đó.",
        f"The person is on the team from {place.joined_on} to {place.left_on or 'today'}. Joining again must be later.",
    )
