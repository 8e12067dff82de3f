"""The shapes of what the lists of the API are asked and answer."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.reporting.organisations import Level
from services.reporting.shapes import MapItem, ReadModel
from shared.http import ID_PATTERN, Day, MinPos, Page

MAP = (
    "The map whose units are meant: a day, for example `2025-07-01`, or a map's name of `GET /reporting/maps`, for"
    " example `2025-07`. When left out: of today; of a campaign that is over: of its last day."
)


class Asked(BaseModel):
    """What every read may be asked. Other names are refused: a slip must not get the answer to something else."""

    model_config = ConfigDict(extra="forbid")

    min_pos: MinPos = None


class MapsAsked(Asked):
    """For which campaign."""

    campaign: str | None = Field(None, pattern=ID_PATTERN, description="The latest when left out.")


class OverviewAsked(MapsAsked):
    """Which campaign, on which map; over the bus as well."""

    map: str | None = Field(None, description=MAP)


class Paging(Asked):
    """What every list may be asked."""

    after: int = Field(0, ge=0, le=1_000_000, description="`next` of the page before.")
    limit: int = Field(100, ge=1, le=500, description="Most items in the answer.")


class Listing(Paging):
    """What the lists of one campaign may be asked."""

    campaign: str | None = Field(None, pattern=ID_PATTERN, description="The latest when left out.")
    within: str | None = Field(None, pattern=ID_PATTERN, description="Only what is at or below this unit (or team).")
    map: str | None = Field(None, description=MAP)


class UnitsAsked(Listing):
    """Which units."""

    level: Literal["district", "commune"] | None = Field(
        None, description="When left out: districts, or communes on a map without districts."
    )
    sort: Literal["id", "share"] = Field("id", description="`share`: of members who met the quota, best first.")


class MembersAsked(Listing):
    """Which members."""

    below_quota: bool = Field(False, description="Only members who have not reached the quota.")


class OrganisationsAsked(Paging):
    """Which organisations."""

    on: Day | None = Field(
        None, description="The day on which the organisations stand so, and of the headcounts; today when left out."
    )
    level: Level = Field(
        "organisation",
        description="`group`: groups of the plan, each with all that stands below it; `organisation`: each by itself.",
    )
    within: str | None = Field(
        None,
        pattern=ID_PATTERN,
        description="Only this organisation or group and what stands below it on the day; their sum is `within`.",
    )


class DaysAsked(Paging):
    """Which days."""

    limit: int = Field(500, ge=1, le=500, description="Most items in the answer.")
    campaign: str | None = Field(None, pattern=ID_PATTERN, description="The latest when left out.")
    by: Literal["occurred", "received"] = Field("occurred", description="The day it happened, or was received.")
    unit: str | None = Field(None, pattern=ID_PATTERN, description="A unit; a district counts its communes.")


class UnitView(BaseModel):
    """A unit. Shares are yours to make: `members_met` of `members`."""

    unit_id: str
    code: str
    name: str
    kind: str
    level: str
    parent_id: str | None
    teams: int
    teams_met: int = Field(description="Teams all of whose members reached the quota.")
    members: int = Field(description="On a team on at least one day of the window: the denominator.")
    members_started: int
    members_met: int = Field(description="Members who guided at least the quota of distinct citizens in the window.")
    citizens: int = Field(description="Distinct citizens, in or after the window.")
    sessions: int = Field(description="Guidances, repeats included, withdrawn ones not.")


class RestView(UnitView):
    """What no unit of the list stands for: the own teams of a unit of another level; without a unit: teams that have no
    place on this map. Sessions of all units and of these add up to the province's."""

    unit_id: str | None  # type: ignore[assignment]
    code: str | None  # type: ignore[assignment]
    name: str | None  # type: ignore[assignment]
    kind: str | None  # type: ignore[assignment]
    level: str | None  # type: ignore[assignment]


class TeamView(BaseModel):
    """A team against the quota."""

    team_id: str
    name: str
    level: str | None
    unit_id: str | None = Field(description="On the day of the map, as are district and commune; null: none.")
    village: str | None
    district_id: str | None
    commune_id: str | None
    formed_on: date
    last_day: date | None
    members: int
    members_started: int
    members_met: int
    citizens_in_window: int = Field(description="Sum over the members; a citizen of two members counts twice here.")
    sessions: int


class MemberView(BaseModel):
    """A person against the quota, by pseudonym."""

    member_id: str
    team_id: str = Field(description="The one joined last of those of the window.")
    team_ids: list[str] = Field(description="All teams of the window.")
    role: str
    organisation_id: str | None
    unit_id: str | None = Field(description="Of the team on the day of the map, as are district and commune.")
    district_id: str | None
    commune_id: str | None
    joined_on: date
    left_on: date | None
    citizens_in_window: int = Field(description="Distinct citizens in the window: what the quota counts.")
    sessions_in_window: int
    citizens: int
    sessions: int
    withdrawn: int
    last_at: datetime | None
    missing: int = Field(description="Citizens still missing to the quota, 0 when it is met.")


class OrganisationView(BaseModel):
    """Learners of all courses: of an organisation, or of a group with all that stands below it."""

    organisation_id: str
    name: str = Field(description="On the day that is asked for, as are sector and parent.")
    sector: str = Field(description="`group`: a group of the plan.")
    parent_id: str | None
    last_day: date | None
    organisations: int = Field(description="Those counted here that are there on the day, groups left out.")
    headcount: int | None = Field(
        description="People who are expected to take part, of those that are there on the day: the denominator. Each"
        " declares its own, a group too, so all are added. Null: nobody has declared any."
    )
    undeclared: int = Field(description="Of `organisations`, those whose people `headcount` leaves out: none declared.")
    enrolled: int = Field(description="Learners who took up a course; who took up two counts for each.")
    passed: int = Field(description="Of `enrolled`, who passed at least once.")
    attempts: int


class OrganisationRestView(OrganisationView):
    """What no item stands for: beside groups, what belongs to none; beside organisations, a group's own learners;
    without an id, learners who named no organisation. All items and the rest add up to the province's `courses`."""

    organisation_id: str | None  # type: ignore[assignment]
    name: str | None  # type: ignore[assignment]
    sector: str | None  # type: ignore[assignment]


class DayView(BaseModel):
    """A day's guidances."""

    day: date
    sessions: int = Field(description="Guidances, those withdrawn later included.")
    withdrawn: int


class Answered(Page[Any]):
    """A page with the state of the read model that it was read from."""

    read_model: ReadModel


class Mapped(Answered):
    """A page of what is at units, and which day's units these are."""

    map: date = Field(description="The day whose units these are.")


class UnitsPage(Mapped):
    """Units."""

    items: list[UnitView]
    level: str
    rest: list[RestView]


class TeamsPage(Mapped):
    """Teams."""

    items: list[TeamView]


class MembersPage(Mapped):
    """Members."""

    items: list[MemberView]
    quota: int


class OrganisationsPage(Answered):
    """Organisations."""

    items: list[OrganisationView]
    on: date = Field(description="The day on which the organisations stand so, and of the headcounts.")
    level: Level
    within: OrganisationView | None = Field(description="The sum that is asked for by `within`.")
    rest: list[OrganisationRestView]


class MapsPage(Answered):
    """Maps."""

    items: list[MapItem]


class DaysPage(Answered):
    """Days."""

    items: list[DayView]
