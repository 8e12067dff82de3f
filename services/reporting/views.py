"""What the partials of the pages are given: plain values, worked out in `present`."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from services.reporting.shapes import Campaign, Overview
from shared.web.formats import share

Phase = Literal["no_campaign", "no_members", "before", "open", "closed"]

SCALE_STEPS = 5
LONG = 20
"""Rows up to which a table stands open on a phone."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """A part of a named whole; `percent` is None where there is no whole to divide by."""

    part: int
    whole: int

    @property
    def percent(self) -> float | None:
        """With one decimal; 100 only when all are in."""
        return share(self.part, self.whole)

    @property
    def step(self) -> int | None:
        """The step of the colour scale, 0 to 4: fifths of the whole."""
        percent = self.percent
        return None if percent is None else min(int(percent // (100 / SCALE_STEPS)), SCALE_STEPS - 1)


@dataclass(frozen=True, slots=True)
class Duration:
    """A time left, in the two largest of its parts."""

    days: int
    hours: int
    minutes: int


@dataclass(frozen=True, slots=True)
class Subject:
    """What the page is about, the province or one unit of it, with its named counts."""

    unit_id: str
    name: str
    met: Ratio
    started: Ratio
    teams: Ratio
    citizens: int
    sessions: int


@dataclass(frozen=True, slots=True)
class UnitView:
    """One unit, as a tile of the map and as a row of the league table."""

    unit_id: str
    name: str
    short: str
    column: int
    row: int
    met: Ratio
    started: Ratio
    teams: Ratio
    citizens: int
    sessions: int
    mine: bool
    href: str | None


@dataclass(frozen=True, slots=True)
class RestView:
    """What no unit on the page stands for; without a name: teams that have no place on the map. Citizens are None where
    they were not counted apart."""

    name: str | None
    met: Ratio
    started: Ratio
    teams: Ratio
    citizens: int | None
    sessions: int


@dataclass(frozen=True, slots=True)
class Overlap:
    """By how much more the units and the rest are together than the total: who is with several of them counts for each,
    and once in the total."""

    met: int
    members: int
    started: int
    citizens: int | None


@dataclass(frozen=True, slots=True)
class MapView:
    """A map to choose."""

    name: str
    first_day: date
    last_day: date | None
    today: bool
    districts: int
    communes: int
    chosen: bool
    href: str


@dataclass(frozen=True, slots=True)
class GroupView:
    """Units of a map without districts that lie where a district was, of another province where that is named."""

    key: str
    name: str | None
    province: str | None
    tiles: tuple[UnitView, ...]


@dataclass(frozen=True, slots=True)
class EmptyView:
    """Units of a map without districts that have no team, and the other province in which all of them were."""

    units: tuple[UnitView, ...]
    province: str | None


@dataclass(frozen=True, slots=True)
class Column:
    """One day of the chart. Lengths are percentages of the drawing."""

    day: date
    sessions: int
    withdrawn: int
    when: Literal["past", "today", "future"]
    x: float
    width: float
    middle: float
    top: float
    height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """Sessions of each day of the window, by the day they happened."""

    columns: tuple[Column, ...]
    peak: Column | None
    today: Column | None
    yesterday: Column | None


@dataclass(frozen=True, slots=True)
class OrganisationView:
    """Course results of an organisation, or of several; without a name: of those who are in no group."""

    key: str
    name: str | None
    passed: Ratio
    attempts: int
    organisations: int
    headcount: int | None
    undeclared: int

    @property
    def reach(self) -> Ratio | None:
        """How many of its people have passed, where the people of all are known."""
        return Ratio(self.passed.part, self.headcount) if self.headcount and not self.undeclared else None


@dataclass(frozen=True, slots=True)
class LearnersView:
    """Course results of some organisations, and of all groups with what is in none: `outside`, organisations that stand
    in no group; `unnamed`, learners who named no organisation."""

    organisations: tuple[OrganisationView, ...]
    total: int
    groups: tuple[OrganisationView, ...]
    outside: OrganisationView | None
    unnamed: OrganisationView | None


@dataclass(frozen=True, slots=True)
class TopicView:
    """A topic and in how many of the sessions it was taught."""

    code: str
    name: str
    taught: Ratio


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that the partials need."""

    numbers: Overview
    phase: Phase
    is_province: bool
    subject: Subject
    campaign: Campaign | None
    left: Duration | None
    elapsed: float | None
    home: str
    maps: tuple[MapView, ...]
    tiles: tuple[UnitView, ...]
    groups: tuple[GroupView, ...]
    empty: EmptyView
    league: tuple[UnitView, ...]
    rest: tuple[RestView, ...]
    overlap: Overlap | None
    over_half: int
    highest: tuple[UnitView, ...]
    lowest: tuple[UnitView, ...]
    own_unit: UnitView | None
    chart: Chart | None
    courses: Ratio
    learners: LearnersView
    topics: tuple[TopicView, ...]

    @property
    def is_grouped(self) -> bool:
        """Whether this is a province without districts."""
        return bool(self.groups or self.empty.units)

    @property
    def has_members(self) -> bool:
        """Whether there is anything to count yet."""
        return self.phase not in {"no_campaign", "no_members"}

    @property
    def is_counting(self) -> bool:
        """Whether the window has begun, so that shares of the quota mean something."""
        return self.phase in {"open", "closed"}

    @property
    def is_long(self) -> bool:
        """Whether the table has so many rows that a phone folds it."""
        return len(self.league) > LONG
