"""The shapes of the read model's answers, as `GET /reporting/...` gives them and the pages show them."""

from typing import (
    Literal,
    NotRequired,  # pydantic needs this one before Python 3.12
)

from typing_extensions import TypedDict


class Topic(TypedDict):
    """One topic of the campaign, with the sessions that taught it where they are counted."""

    code: str
    name_vi: str
    name_en: str
    sessions: NotRequired[int]


class Campaign(TypedDict):
    """The campaign whose numbers these are."""

    campaign_id: str
    name: str
    launched_on: str
    first_day: str
    last_day: str
    day_one_rule: Literal["ceremony_day", "day_after"]
    window_days: int
    quota: int
    report_due_on: str
    topics: list[Topic]


class ReadModel(TypedDict):
    """How far the numbers are, and whether any event was put aside."""

    state: Literal["live", "catching_up", "degraded", "waiting_for_refill"]
    stale_seconds: float
    lag: int
    parked: int
    positions: dict[str, int]


class Members(TypedDict):
    """Members in all, those who began, and those who met their quota."""

    total: int
    started: int
    met: int


class Teams(TypedDict):
    """Teams in all and those whose members all met their quota."""

    total: int
    met: int


class Province(TypedDict):
    """The unit that the page is about."""

    unit_id: str
    name: str


class Courses(TypedDict):
    """Learners of all organisations together."""

    enrolled: int
    passed: int
    attempts: int


class UnitCounts(TypedDict):
    """How many units the edition in force has."""

    districts: int
    communes: int


class DayCount(TypedDict):
    """Sessions of one day, by the day they happened."""

    day: str
    sessions: int
    withdrawn: int


class Overview(TypedDict):
    """`GET /reporting/overview`."""

    province: Province
    campaign: Campaign | None
    now: str
    window: Literal["before", "open", "closed"]
    seconds_left: float | None
    read_model: ReadModel
    members: Members
    teams: Teams
    citizens: int
    sessions: int
    sessions_outside_window: int
    withdrawn: int
    courses: Courses
    units: UnitCounts
    days: list[DayCount]


class UnitItem(TypedDict):
    """One row of `GET /reporting/units`."""

    unit_id: str
    code: str
    name: str
    kind: str
    level: str
    parent_id: str | None
    teams: int
    teams_met: int
    members: int
    members_started: int
    members_met: int
    citizens: int
    sessions: int


class Units(TypedDict):
    """`GET /reporting/units`."""

    items: list[UnitItem]
    total: int


class OrganisationItem(TypedDict):
    """One row of `GET /reporting/organisations`."""

    organisation_id: str
    name: str
    sector: str
    headcount: int | None
    enrolled: int
    passed: int
    attempts: int


class Organisations(TypedDict):
    """`GET /reporting/organisations`."""

    items: list[OrganisationItem]
    total: int


class Topics(TypedDict):
    """`GET /reporting/topics`."""

    items: list[Topic]


class Numbers(TypedDict):
    """Everything that one page shows. For a district's page, `units` are its communes."""

    overview: Overview
    units: Units
    organisations: Organisations
    topics: Topics
