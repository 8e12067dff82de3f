"""Teams and places on them, said shortly."""

from __future__ import annotations

from datetime import UTC, date, datetime

from services.registry import membership
from services.registry.membership import Membership, RoleSince
from services.registry.team import NameSince, Team, TeamHistory, first_place
from shared.contracts.reform import Level
from shared.contracts.registry import LeaveReason, Role
from shared.errors import Problem

NOW = datetime(2023, 7, 28, 1, 0, tzinfo=UTC)
TODAY = date(2023, 7, 28)
FORMED = date(2023, 7, 3)


def a_team(team_id: str = "t1", formed: date = FORMED, ended: date | None = None) -> TeamHistory:
    """A team that was always at the township."""
    team = Team(
        team_id, "Tổ", Level.COMMUNE, "21400", None, "533", "21400", "12/QĐ-UBND", date(2023, 7, 1), formed,
        disbanded_on=ended,
    )  # fmt: skip
    return TeamHistory(team, (first_place(team),), (NameSince(formed, "Tổ"),))


def july(day: int) -> date:
    """A day of July 2023."""
    return date(2023, 7, day)


def a_place(
    member_id: str = "an", role: Role = Role.MEMBER, joined: date = FORMED, left: date | None = None,
    *, team_id: str = "t1", roles: tuple[tuple[int, Role], ...] = (),
) -> Membership:  # fmt: skip
    """A place with one role, and others from days of July on."""
    place = membership.new(member_id, team_id, role, None, joined)
    reason = LeaveReason.OTHER if left else None
    later = tuple(RoleSince(july(day), changed) for day, changed in roles)
    return place._replace(left_on=left, leave_reason=reason, roles=(*place.roles, *later))


def refusal(problem: Problem) -> tuple[int, str, list[str]]:
    """Status, slug, fields."""
    return problem.status, problem.slug, [f.field for f in problem.fields]
