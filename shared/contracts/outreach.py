"""Events that outreach publishes: campaigns, and who guided whom."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.contracts.base import Event


class DayOneRule(StrEnum):
    """Which day is day one of a campaign's window; the sources disagree, so it is a setting."""

    CEREMONY_DAY = "ceremony_day"
    DAY_AFTER = "day_after"


class Place(StrEnum):
    """Where a citizen was guided."""

    HOME = "home"
    VILLAGE_HOUSE = "village_house"
    ONE_STOP = "one_stop"
    MARKET = "market"
    SCHOOL = "school"
    OTHER = "other"


class WithdrawReason(StrEnum):
    """Why a guidance no longer counts."""

    DUPLICATE = "duplicate"
    WRONG_CITIZEN = "wrong_citizen"
    DID_NOT_HAPPEN = "did_not_happen"
    ENTERED_BY_MISTAKE = "entered_by_mistake"


class Topic(BaseModel):
    """What is taught."""

    model_config = ConfigDict(frozen=True)

    code: str
    name_vi: str
    name_en: str


class OutreachEvent(Event):
    """Base of outreach's events."""

    SERVICE: ClassVar[str] = "outreach"


class CampaignLaunched(OutreachEvent):
    """A movement begins: its window, quota, topics and the deadline of the reports."""

    NAME: ClassVar[str] = "campaign_launched"
    KEY: ClassVar[str] = "campaign_id"

    campaign_id: str
    name: str
    launched_on: date = Field(description="Day of the ceremony.")
    day_one_rule: DayOneRule
    window_days: int = Field(description="Length of the window in days.")
    first_day: date = Field(description="First day that counts towards the quota.")
    last_day: date = Field(description="Last day that counts towards the quota.")
    quota: int = Field(description="Distinct citizens that each member is to guide in the window.")
    topics: tuple[Topic, ...]
    report_due_on: date = Field(description="Last day for the reports of the reporting units.")
    reporting_unit_ids: tuple[str, ...] = Field(description="Units that must report.")


class CitizenGuided(OutreachEvent):
    """A member guided a citizen once."""

    NAME: ClassVar[str] = "citizen_guided"
    KEY: ClassVar[str] = "guidance_id"

    guidance_id: str
    campaign_id: str
    member_id: str
    team_id: str
    citizen_ref: str = Field(description="Keyed hash of the citizen, 22 characters; not reversible without the key.")
    topics: tuple[str, ...] = Field(description="Topic codes of the campaign.")
    place: Place
    unit_id: str = Field(description="The unit of the member's team on that day.")
    district_id: str | None = None
    commune_id: str | None = None


class GuidanceWithdrawn(OutreachEvent):
    """A recorded guidance no longer counts. Repeats the facts of the guidance, so that readers need not look it up."""

    NAME: ClassVar[str] = "guidance_withdrawn"
    KEY: ClassVar[str] = "guidance_id"

    guidance_id: str
    campaign_id: str
    member_id: str
    team_id: str
    citizen_ref: str
    topics: tuple[str, ...]
    unit_id: str
    district_id: str | None = None
    commune_id: str | None = None
    guided_at: AwareDatetime = Field(description="`occurred_at` of the guidance that is withdrawn.")
    reason: WithdrawReason
