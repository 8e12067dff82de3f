"""Rules of teams and their members. Pure: state and wishes in, events out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from services.registry.unit import Unit
from shared import errors
from shared.clock import local_day, start_of_day
from shared.contracts.reform import EndReason, Level
from shared.contracts.registry import LeaveReason, MemberJoined, MemberLeft, Role, TeamFormed

TEAM_LEVELS = {
    Level.DISTRICT: (Level.DISTRICT,),
    Level.COMMUNE: (Level.COMMUNE, Level.DISTRICT),  # a district without communes (Lý Sơn) acts as one
    Level.VILLAGE: (Level.COMMUNE, Level.DISTRICT),
}
"""At which units a team of a level may be formed."""


class Team(NamedTuple):
    """A team as it is, or was at last. `TeamHistory` knows it on any day."""

    team_id: str
    name: str
    level: Level
    unit_id: str
    village: str | None
    district_id: str | None
    commune_id: str | None
    decision_number: str
    decision_date: date
    formed_on: date
    village_id: str | None = None
    disbanded_on: date | None = None
    """The last day; None while there is the team."""
    end_reason: EndReason | None = None
    into_team_id: str | None = None
    """The team that it was merged into."""

    @property
    def path(self) -> tuple[str | None, ...]:
        """Ids of its unit and of everything above it that is known here."""
        return (self.unit_id, self.commune_id, self.district_id)

    def there_on(self, day: date) -> bool:
        """Whether there is the team on that day."""
        return self.formed_on <= day and (self.disbanded_on is None or day <= self.disbanded_on)


class TeamPlace(NamedTuple):
    """Where a team is from a day on, as it is known now."""

    team_id: str
    valid_from: date
    valid_to: date | None
    """The first day at another place; None while it is there."""
    unit_id: str
    level: Level
    village: str | None
    village_id: str | None
    district_id: str | None
    commune_id: str | None
    reason: str
    """`founding`, or a MoveReason."""
    reform_id: str | None = None

    @property
    def path(self) -> tuple[str | None, ...]:
        """Ids of the unit and of everything above it that is known here."""
        return (self.unit_id, self.commune_id, self.district_id)

    def holds_on(self, day: date) -> bool:
        """Whether the team is there on that day."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


class NameSince(NamedTuple):
    """A team's name, and the first day on which it has it."""

    valid_from: date
    name: str


class TeamHistory(NamedTuple):
    """A team with all its places and names, by day."""

    team: Team
    places: tuple[TeamPlace, ...]
    names: tuple[NameSince, ...]

    def place_on(self, day: date) -> TeamPlace:
        """Where it is on a day; of a day before the founding, its first place."""
        return next((p for p in reversed(self.places) if p.valid_from <= day), self.places[0])

    def name_on(self, day: date) -> str:
        """What it is called on a day; before the founding, its first name."""
        return next((n.name for n in reversed(self.names) if n.valid_from <= day), self.names[0].name)


class Member(NamedTuple):
    """A person's place on a team; the days are included."""

    member_id: str
    team_id: str
    role: Role
    organisation_id: str | None
    joined_on: date
    left_on: date | None

    def reaches(self, day: date) -> bool:
        """Whether the place is held on that day or on any later one."""
        return self.left_on is None or day <= self.left_on


class Founding(NamedTuple):
    """What a founding decision says."""

    team_id: str
    name: str
    level: Level
    village: str | None
    decision_number: str
    decision_date: date
    formed_on: date


def form(unit: Unit, founding: Founding, now: datetime, *, has_communes: bool) -> tuple[Team, TeamFormed]:
    """A new team at a unit in force. `has_communes`: there are communes below the unit."""
    _check_level(unit, founding)
    _check_commune(unit, founding, has_communes)
    _check_days(unit, founding, local_day(now))
    team = Team(
        founding.team_id, founding.name, founding.level, unit.unit_id, founding.village, unit.district_id,
        unit.commune_id, founding.decision_number, founding.decision_date, founding.formed_on,
    )  # fmt: skip
    return team, TeamFormed(occurred_at=start_of_day(team.formed_on), **team._asdict())


def _check_level(unit: Unit, founding: Founding) -> None:
    if unit.level not in TEAM_LEVELS.get(founding.level, ()):
        raise errors.invalid(
            "level_does_not_fit_unit",
            "level",
            f"Không thể lập tổ cấp «{founding.level}» tại «{unit.name}». Hãy chọn đơn vị hoặc cấp khác.",
            f"A team of level «{founding.level}» cannot be formed at «{unit.name}». Choose another unit or level.",
        )
    if (founding.level is Level.VILLAGE) != (founding.village is not None):
        raise errors.invalid(
            "village_missing",
            "village",
            "Tổ cấp thôn cần tên thôn/bản/tổ dân phố; tổ cấp khác thì để trống.",
            "A village team needs the village's name; other teams leave it out.",
        )


def _check_commune(unit: Unit, founding: Founding, has_communes: bool) -> None:
    if has_communes and founding.level is not Level.DISTRICT:
        raise errors.invalid(
            "commune_needed",
            "unit_id",
            f"«{unit.name}» có các xã, phường, thị trấn: tổ cấp xã hoặc thôn phải lập tại một trong số đó.",
            f"«{unit.name}» has communes: a team of a commune or a village must be formed at one of them.",
        )


def _check_days(unit: Unit, founding: Founding, today: date) -> None:
    if founding.formed_on < unit.valid_from:
        raise errors.invalid(
            "before_unit",
            "formed_on",
            f"«{unit.name}» có hiệu lực từ {unit.valid_from:%d/%m/%Y}; ngày lập tổ phải từ ngày đó.",
            f"«{unit.name}» is in force from {unit.valid_from}; the team must be formed on or after that day.",
        )
    if founding.decision_date > founding.formed_on:
        raise errors.invalid(
            "decision_after_founding",
            "decision_date",
            "Ngày quyết định phải trước hoặc đúng ngày lập tổ.",
            "The decision must not be dated after the founding day.",
        )
    _not_in_future("formed_on", founding.formed_on, today)


def join(team: Team, members: Sequence[Member], new: Member, now: datetime) -> MemberJoined:
    """A person takes a place on a team."""
    _not_in_future("joined_on", new.joined_on, local_day(now))
    if new.joined_on < team.formed_on:
        raise errors.invalid(
            "before_team",
            "joined_on",
            f"Tổ được lập ngày {team.formed_on:%d/%m/%Y}; ngày tham gia phải từ ngày đó.",
            f"The team was formed on {team.formed_on}; joining must be on or after that day.",
        )
    if new.role is Role.LEADER and any(m.role is Role.LEADER and m.reaches(new.joined_on) for m in members):
        raise errors.conflict(
            "leader_exists",
            "role",
            "Tổ có tổ trưởng vào ngày này hoặc sau đó. Hãy kết thúc nhiệm vụ của người đó trước.",
            "The team has a leader on that day or later. End that leader's place first.",
        )
    return MemberJoined(
        occurred_at=start_of_day(new.joined_on),
        member_id=new.member_id,
        team_id=team.team_id,
        role=new.role,
        organisation_id=new.organisation_id,
        unit_id=team.unit_id,
        district_id=team.district_id,
        commune_id=team.commune_id,
        joined_on=new.joined_on,
    )


def leave(team: Team, member: Member, left_on: date, reason: LeaveReason, now: datetime) -> MemberLeft:
    """A member's place ends; `left_on` is the last day on the team."""
    _not_in_future("left_on", left_on, local_day(now))
    if member.left_on is not None:
        raise errors.conflict(
            "left_already",
            "member_id",
            f"Thành viên đã rời tổ ngày {member.left_on:%d/%m/%Y}.",
            f"The member left on {member.left_on}.",
        )
    if left_on < member.joined_on:
        raise errors.invalid(
            "end_before_start",
            "left_on",
            f"Ngày rời tổ phải từ ngày tham gia {member.joined_on:%d/%m/%Y} trở đi.",
            f"The last day must be on or after the joining day {member.joined_on}.",
        )
    return MemberLeft(
        occurred_at=start_of_day(left_on),
        member_id=member.member_id,
        team_id=team.team_id,
        district_id=team.district_id,
        commune_id=team.commune_id,
        left_on=left_on,
        reason=reason,
    )


def _not_in_future(field: str, day: date, today: date) -> None:
    if day > today:
        raise errors.invalid(
            "in_the_future",
            field,
            f"Ngày {day:%d/%m/%Y} ở tương lai; hôm nay là {today:%d/%m/%Y}.",
            f"{day} lies in the future; today is {today}.",
        )
