"""Events that registry publishes: units, organisations, teams, members."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from shared.contracts.base import Event


class Level(StrEnum):
    """Level of a unit or a team. A level is data of an edition, never a fixed depth."""

    PROVINCE = "province"
    DISTRICT = "district"
    COMMUNE = "commune"
    VILLAGE = "village"


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


class OrganisationRegistered(RegistryEvent):
    """A department, union, school or firm whose people take part."""

    NAME: ClassVar[str] = "organisation_registered"
    KEY: ClassVar[str] = "organisation_id"

    organisation_id: str
    name: str
    sector: str = Field(description="Group of the plan, for example `youth_union`.")
    headcount: int | None = Field(default=None, description="People who are expected to take part; a denominator.")


class TeamFormed(RegistryEvent):
    """A community digital-technology team was founded at a unit."""

    NAME: ClassVar[str] = "team_formed"
    KEY: ClassVar[str] = "team_id"

    team_id: str
    name: str
    level: Level
    unit_id: str = Field(description="The unit that the team belongs to; of a village team, its commune.")
    village: str | None = Field(default=None, description="Name of the village (thôn, bản, tổ dân phố).")
    district_id: str | None = None
    commune_id: str | None = None
    decision_number: str = Field(description="Number of the founding decision, as on paper.")
    decision_date: date
    formed_on: date


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
