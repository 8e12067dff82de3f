"""Rules of people on teams: who may join, leave and lead, and when. Pure: state and wishes in, events out.

A person may be on several teams, and on one team several times, one after the other. Every role is held from a day on.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from shared.contracts.registry import LeaveReason, Role


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
