"""The parts of registry's events that describe units and what a reform does with them."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Level(StrEnum):
    """Level at which a unit or a team counts. How deep the tree is says `parent_id`: below a commune lies any number of
    levels, all of which count as `village`, and `level_id` tells them apart."""

    PROVINCE = "province"
    DISTRICT = "district"
    COMMUNE = "commune"
    VILLAGE = "village"


LEVEL_ID = "The level in the province's own table, where that is none of the four of `level`; else null."
"""What events say of `level_id`."""


class Part(StrEnum):
    """How much of a predecessor went into a successor."""

    WHOLE = "whole"
    PART = "part"


class How(StrEnum):
    """What a reform did with a predecessor, seen from the two units of a transition."""

    MERGED = "merged"
    SPLIT = "split"
    RENAMED = "renamed"
    TRANSFERRED = "transferred"
    PROMOTED = "promoted"


class Change(StrEnum):
    """What a reform did with a unit."""

    ESTABLISHED = "established"
    CHANGED = "changed"
    ABOLISHED = "abolished"


class MoveReason(StrEnum):
    """Why a team belongs to another unit from a day on."""

    REFORM = "reform"
    REVERSAL = "reversal"
    TRANSFER = "transfer"


class EndReason(StrEnum):
    """Why a team was disbanded; a code, because free text could name people."""

    MERGED = "merged"
    TASK_DONE = "task_done"
    NO_MEMBERS = "no_members"
    OTHER = "other"


class LegalBasis(BaseModel):
    """The decision behind a reform, as it is cited."""

    model_config = ConfigDict(frozen=True)

    number: str = Field(description="For example «1677/NQ-UBTVQH15».")
    title: str
    issued_on: date
    issuer: str


class UnitState(BaseModel):
    """A unit as it is from a day on. The ids are ours; `code` and `name` are what the decision says."""

    model_config = ConfigDict(frozen=True)

    unit_id: str
    code: str
    name: str
    kind: str
    level: Level
    parent_id: str | None = None
    district_id: str | None = None
    commune_id: str | None = None
    level_id: str | None = Field(default=None, description=LEVEL_ID)


class UnitChange(BaseModel):
    """One unit of a reform: the state from the effective day on, or the last state of an abolished one."""

    model_config = ConfigDict(frozen=True)

    change: Change
    unit: UnitState
    since: date | None = Field(
        default=None, description="First day of the state that ends on the effective day; null for an established unit."
    )


class Transition(BaseModel):
    """One line of a lineage: something of the predecessor is in the successor from the effective day on."""

    model_config = ConfigDict(frozen=True)

    predecessor_id: str
    successor_id: str
    part: Part
    how: How


class Heir(BaseModel):
    """Who takes over what is open at an abolished unit: reports due, quotas, proposals."""

    model_config = ConfigDict(frozen=True)

    unit_id: str
    successor_id: str
