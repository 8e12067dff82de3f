"""Events that registry publishes: units, organisations, teams, members."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from shared.contracts.base import Event
from shared.contracts.reform import LEVEL_ID, EndReason, Heir, LegalBasis, Level, MoveReason, Transition, UnitChange


class Role(StrEnum):
    """A member's role on a team."""

    LEADER = "leader"
    DEPUTY = "deputy"
    MEMBER = "member"


class LeaveReason(StrEnum):
    """Why a member left; a code, because free text could name people."""

    MOVED = "moved"
    NEW_DUTY = "new_duty"
    RESIGNED = "resigned"
    OTHER = "other"


class RegistryEvent(Event):
    """Base of registry's events."""

    SERVICE: ClassVar[str] = "registry"


class UnitEstablished(RegistryEvent):
    """An administrative unit is in force from a day on."""

    NAME: ClassVar[str] = "unit_established"
    KEY: ClassVar[str] = "unit_id"

    unit_id: str = Field(description="Our stable id; opaque, although the 2023 ids coincide with official codes.")
    code: str = Field(description="Official code in this edition; codes are reused over time.")
    name: str = Field(description="Full name with its kind, for example «Thị trấn Mộ Đức».")
    kind: str = Field(description="For example `commune`, `ward`, `township`, `town`.")
    level: Level
    parent_id: str | None = None
    district_id: str | None = None
    commune_id: str | None = None
    edition: str = Field(description="The edition that brought the unit, for example `2023`.")
    valid_from: date = Field(description="First day in force (at least from).")
    level_id: str | None = Field(default=None, description=LEVEL_ID)


class UnitCorrected(RegistryEvent):
    """What was known of a unit's state was wrong; the whole state as it should have been said from `since` on."""

    NAME: ClassVar[str] = "unit_corrected"
    KEY: ClassVar[str] = "unit_id"

    unit_id: str
    since: date = Field(description="First day of the state that is corrected.")
    code: str
    name: str
    kind: str
    level: Level
    parent_id: str | None = None
    district_id: str | None = None
    commune_id: str | None = None
    level_id: str | None = Field(default=None, description=LEVEL_ID)


class UnitsReorganised(RegistryEvent):
    """A reform of units took effect. Teams that move are told apart, one `team_reassigned` each, right behind it."""

    NAME: ClassVar[str] = "units_reorganised"
    KEY: ClassVar[str] = "reform_id"

    reform_id: str
    legal_basis: LegalBasis
    effective_on: date = Field(description="First day of the new map.")
    edition: str | None = Field(
        default=None, description="The edition that the map then equals, for example `2025-07`."
    )
    changes: tuple[UnitChange, ...]
    transitions: tuple[Transition, ...]
    heirs: tuple[Heir, ...] = Field(description="One for each abolished unit.")


class ReorganisationReversed(RegistryEvent):
    """A reform is taken back as if it had not been; its teams come back by `team_reassigned`, right behind it."""

    NAME: ClassVar[str] = "reorganisation_reversed"
    KEY: ClassVar[str] = "reform_id"

    reform_id: str
    effective_on: date = Field(description="The effective day of the reform that is taken back.")
    edition: str | None = Field(default=None, description="The edition that is in force again.")
    restored: tuple[UnitChange, ...] = Field(
        description="Units that the reform had changed or abolished, as they are again; `since` as before the reform."
    )
    removed_unit_ids: tuple[str, ...] = Field(description="Units that the reform had established.")


class OrganisationRegistered(RegistryEvent):
    """A department, union, school or firm whose people take part."""

    NAME: ClassVar[str] = "organisation_registered"
    KEY: ClassVar[str] = "organisation_id"

    organisation_id: str
    name: str
    sector: str = Field(description="Group of the plan, for example `youth_union`.")
    headcount: int | None = Field(default=None, description="People who are expected to take part; a denominator.")
    parent_id: str | None = Field(default=None, description="The organisation or group above it.")
    valid_from: date | None = Field(default=None, description="First day; null: from before the movement.")


class OrganisationChanged(RegistryEvent):
    """Name, group or parent of an organisation from a day on: all of them as they are then."""

    NAME: ClassVar[str] = "organisation_changed"
    KEY: ClassVar[str] = "organisation_id"

    organisation_id: str
    name: str
    sector: str
    parent_id: str | None = None
    effective_on: date


class OrganisationDissolved(RegistryEvent):
    """An organisation ended; the last day is included."""

    NAME: ClassVar[str] = "organisation_dissolved"
    KEY: ClassVar[str] = "organisation_id"

    organisation_id: str
    last_day: date
    successor_id: str | None = None


class HeadcountDeclared(RegistryEvent):
    """How many people an organisation has from a day on; the denominator of the days from then to the next."""

    NAME: ClassVar[str] = "headcount_declared"
    KEY: ClassVar[str] = "organisation_id"

    organisation_id: str
    headcount: int
    valid_from: date


class TeamFormed(RegistryEvent):
    """A community digital-technology team was founded at a unit."""

    NAME: ClassVar[str] = "team_formed"
    KEY: ClassVar[str] = "team_id"

    team_id: str
    name: str
    level: Level
    unit_id: str = Field(description="The unit that the team belongs to; of a village team, its commune.")
    village: str | None = Field(default=None, description="Name of the village (thôn, bản, tổ dân phố).")
    village_id: str | None = Field(default=None, description="The village as a unit, where it is one.")
    district_id: str | None = None
    commune_id: str | None = None
    decision_number: str = Field(description="Number of the founding decision, as on paper.")
    decision_date: date
    formed_on: date


class TeamRenamed(RegistryEvent):
    """A team's name from a day on."""

    NAME: ClassVar[str] = "team_renamed"
    KEY: ClassVar[str] = "team_id"

    team_id: str
    name: str
    district_id: str | None = None
    commune_id: str | None = None
    effective_on: date


class TeamReassigned(RegistryEvent):
    """A team, with all its members, belongs to another unit from a day on."""

    NAME: ClassVar[str] = "team_reassigned"
    KEY: ClassVar[str] = "team_id"

    team_id: str
    from_unit_id: str
    since: date = Field(description="First day at the unit that it leaves; equal to `effective_on`: that is replaced.")
    unit_id: str
    level: Level
    village: str | None = None
    village_id: str | None = None
    district_id: str | None = None
    commune_id: str | None = None
    effective_on: date = Field(description="First day at the new unit.")
    reason: MoveReason
    reform_id: str | None = Field(default=None, description="The reform that moved it, or that is taken back.")


class TeamDisbanded(RegistryEvent):
    """A team ended; the last day is included. Its members' places end by `member_left`, right before it."""

    NAME: ClassVar[str] = "team_disbanded"
    KEY: ClassVar[str] = "team_id"

    team_id: str
    district_id: str | None = None
    commune_id: str | None = None
    last_day: date
    reason: EndReason
    into_team_id: str | None = Field(default=None, description="The team that it was merged into.")


class MemberJoined(RegistryEvent):
    """A person takes a place on a team. Who the person is stays in registry's vault."""

    NAME: ClassVar[str] = "member_joined"
    KEY: ClassVar[str] = "member_id"

    member_id: str
    team_id: str
    role: Role
    organisation_id: str | None = None
    unit_id: str
    district_id: str | None = None
    commune_id: str | None = None
    joined_on: date


class MemberLeft(RegistryEvent):
    """A member's place on a team ended; the last day is included."""

    NAME: ClassVar[str] = "member_left"
    KEY: ClassVar[str] = "member_id"

    member_id: str
    team_id: str
    district_id: str | None = None
    commune_id: str | None = None
    left_on: date = Field(description="Last day on the team.")
    reason: LeaveReason


class MemberRoleChanged(RegistryEvent):
    """A member's role on a team from a day on."""

    NAME: ClassVar[str] = "member_role_changed"
    KEY: ClassVar[str] = "member_id"

    member_id: str
    team_id: str
    district_id: str | None = None
    commune_id: str | None = None
    role: Role
    effective_on: date


class PersonErased(RegistryEvent):
    """What the vault held of a person is erased. Every count stays; whoever kept a copy of a name must erase it too."""

    NAME: ClassVar[str] = "person_erased"
    KEY: ClassVar[str] = "member_id"

    member_id: str
