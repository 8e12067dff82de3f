"""The shapes of the read model's answers, as `GET /reporting/...` gives them and the pages show them."""

from typing import (
    Annotated,
    Literal,
    NotRequired,  # pydantic needs this one before Python 3.12
)

from pydantic import Field
from typing_extensions import TypedDict

Day = Annotated[str, Field(json_schema_extra={"format": "date"})]
"""ISO 8601, 2023-07-28."""
Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""ISO 8601 with its offset."""


class Topic(TypedDict):
    """One topic of the campaign, with the sessions that taught it where they are counted."""

    code: str
    name_vi: str
    name_en: str
    sessions: NotRequired[Annotated[int, Field(description="Sessions in which it was taught, where they are counted.")]]


class Campaign(TypedDict):
    """The campaign whose numbers these are."""

    campaign_id: str
    name: str
    launched_on: Annotated[Day, Field(description="Day of the ceremony.")]
    first_day: Annotated[Day, Field(description="First day that counts towards the quota.")]
    last_day: Annotated[Day, Field(description="Last day that counts towards the quota.")]
    day_one_rule: Annotated[
        Literal["ceremony_day", "day_after"],
        Field(description="Whether the day of the ceremony or the day after it is day one."),
    ]
    window_days: Annotated[int, Field(description="Length of the window in days.")]
    quota: Annotated[int, Field(description="Distinct citizens that each member is to guide in the window.")]
    report_due_on: Annotated[Day, Field(description="Last day for the reports of the units.")]
    topics: list[Topic]


class ReadModel(TypedDict):
    """How far the numbers are, and whether any event was put aside."""

    state: Annotated[
        Literal["live", "catching_up", "degraded", "waiting_for_refill"],
        Field(
            description="`live`; `catching_up` while old events are read; `degraded` when one could not be read;"
            " `waiting_for_refill` while a lost stream is filled again from its log."
        ),
    ]
    stale_seconds: Annotated[float, Field(description="Age of the numbers.")]
    lag: Annotated[int, Field(description="Events on the streams that are not yet counted.")]
    parked: Annotated[int, Field(description="Events put aside because they could not be read; the numbers lack them.")]
    positions: Annotated[dict[str, int], Field(description="The last counted position of each service's log.")]


class Members(TypedDict):
    """Members in all, those who began, and those who met their quota."""

    total: Annotated[int, Field(description="People on a team on at least one day of the window.")]
    started: Annotated[int, Field(description="Of these, who guided at least one citizen in the window.")]
    met: Annotated[int, Field(description="Of these, who guided the quota or more.")]


class Teams(TypedDict):
    """Teams in all and those whose members all met their quota."""

    total: Annotated[int, Field(description="Teams that existed in the window, empty ones included.")]
    met: Annotated[int, Field(description="Of these, the teams whose members all met the quota.")]


class Province(TypedDict):
    """The unit that the page is about."""

    unit_id: str
    name: str


class Courses(TypedDict):
    """Learners of all organisations together."""

    enrolled: Annotated[int, Field(description="Enrolments.")]
    passed: Annotated[int, Field(description="Of these, who passed the quiz at least once.")]
    attempts: Annotated[int, Field(description="Answered quizzes, passed and failed.")]


class UnitCounts(TypedDict):
    """How many units the map has."""

    districts: int
    communes: int


class DayCount(TypedDict):
    """Sessions of one day, by the day they happened."""

    day: Annotated[Day, Field(description="The day in Vietnam.")]
    sessions: Annotated[int, Field(description="Guidance sessions, withdrawn ones left out.")]
    withdrawn: Annotated[int, Field(description="Sessions of that day that were withdrawn.")]


class Overview(TypedDict):
    """The province on one page, with how far its numbers are."""

    province: Province
    campaign: Annotated[
        Campaign | None, Field(description="The campaign that is counted; null before the first is launched.")
    ]
    now: Annotated[Moment, Field(description="The service's clock when it answered.")]
    window: Annotated[
        Literal["before", "open", "closed"],
        Field(description="Whether the days that count are still to come, running or over."),
    ]
    seconds_left: Annotated[float | None, Field(description="Until the window closes; null before it opens.")]
    read_model: ReadModel
    members: Members
    teams: Teams
    citizens: Annotated[int, Field(description="Distinct citizens guided, each once in the whole province.")]
    sessions: Annotated[int, Field(description="Guidance sessions: a member, a citizen, a time.")]
    sessions_outside_window: Annotated[int, Field(description="Of these, on days that do not count towards the quota.")]
    withdrawn: Annotated[int, Field(description="Sessions that were recorded and withdrawn; not among `sessions`.")]
    courses: Courses
    map: Annotated[Day, Field(description="The day whose units these are.")]
    units: UnitCounts
    days: Annotated[list[DayCount], Field(description="By the day the session happened.")]


class Counts(TypedDict):
    """Teams and members of a unit against the quota."""

    teams: int
    teams_met: Annotated[int, Field(description="Teams whose members all met the quota, of `teams`.")]
    members: int
    members_started: Annotated[int, Field(description="Who guided at least one citizen in the window, of `members`.")]
    members_met: Annotated[int, Field(description="Who guided the quota or more, of `members`.")]
    sessions: int


class UnitItem(Counts):
    """A district or commune with its counts."""

    unit_id: str
    code: Annotated[str, Field(description="Official code on the day of the map.")]
    name: str
    kind: Annotated[str, Field(description="For example `district`, `town`, `commune`, `ward`.")]
    level: str
    parent_id: Annotated[str | None, Field(description="The unit above.")]
    citizens: Annotated[int, Field(description="Distinct citizens guided by the unit's teams.")]


class RestItem(Counts):
    """What no unit of the list stands for; without a unit: teams that have no place on the map."""

    unit_id: str | None
    name: str | None
    citizens: Annotated[int | None, Field(description="Null where they were not counted apart.")]


class MapItem(TypedDict):
    """A map, and the days on which it is in force."""

    map: Annotated[str, Field(description="Its name, to ask for it by: of an edition, or its first day.")]
    first_day: Day
    last_day: Annotated[Day | None, Field(description="Null while nothing else is decided.")]
    day: Annotated[Day, Field(description="The day whose units are counted where this map is asked for by its name.")]
    today: Annotated[bool, Field(description="Whether it is in force today.")]
    districts: int
    communes: int


class GroupItem(TypedDict):
    """Units that lie where a district of the map before was."""

    district_id: str | None
    name: str | None
    province: Annotated[str | None, Field(description="Where that was another province: its name.")]
    unit_ids: list[str]


class Units(TypedDict):
    """Units and how many there are."""

    items: list[UnitItem]
    total: int


class OrganisationItem(TypedDict):
    """Course results of an organisation, or of a group with all that stands below it; without an id: of learners who
    named no organisation."""

    organisation_id: str | None
    name: str | None
    sector: Annotated[str | None, Field(description="For example `youth_union`; `group`: a group of the plan.")]
    organisations: Annotated[int, Field(description="Those counted here that are there today, groups left out.")]
    headcount: Annotated[int | None, Field(description="People who are expected to take part, where it is known.")]
    undeclared: Annotated[int, Field(description="Of `organisations`, those whose people `headcount` leaves out.")]
    enrolled: int
    passed: Annotated[int, Field(description="Who passed the quiz at least once, of `enrolled`.")]
    attempts: int


class Organisations(TypedDict):
    """Some organisations and how many there are; all groups of the plan, and what is in none of them."""

    items: list[OrganisationItem]
    total: int
    groups: list[OrganisationItem]
    rest: list[OrganisationItem]


class Topics(TypedDict):
    """Topics of the campaign."""

    items: list[Topic]


class Numbers(TypedDict):
    """Everything that one page shows. For a district's page, `units` are its communes."""

    overview: Overview
    maps: list[MapItem]
    map: Annotated[str | None, Field(description="Which of `maps` this is; null where there is none.")]
    maps_with_unit: Annotated[list[str], Field(description="The maps on which there is the page's unit.")]
    groups: list[GroupItem]
    units: Units
    rest: list[RestItem]
    organisations: Organisations
    topics: Topics
