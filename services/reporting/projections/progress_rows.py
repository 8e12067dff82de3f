"""The rows of `progress`: campaigns and topics, teams and members, what each did, who was guided, and when."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

from shared.contracts.history import Membership, TeamPlace
from shared.projection import Counters, Table


class CampaignRow(NamedTuple):
    """A launched campaign."""

    campaign_id: str
    name: str
    launched_on: date
    day_one_rule: str
    window_days: int
    first_day: date
    last_day: date
    quota: int
    report_due_on: date
    reporting_units: int


class TopicRow(NamedTuple):
    """A topic of a campaign."""

    campaign_id: str
    code: str
    position: int
    name_vi: str
    name_en: str


class TopicTotalRow(NamedTuple):
    """Guidances that taught a topic."""

    campaign_id: str
    code: str
    sessions: int


class TeamRow(NamedTuple):
    """A team by its last name; the last day is included. Where it belonged is in `team_place`."""

    team_id: str
    name: str
    formed_on: date
    last_day: date | None
    into_team_id: str | None


class MemberProgressRow(NamedTuple):
    """What a person did in a campaign, on whichever team. `citizens…` are distinct, `sessions…` are guidances."""

    campaign_id: str
    member_id: str
    citizens_in_window: int
    sessions_in_window: int
    citizens: int
    sessions: int
    withdrawn: int
    last_at: datetime


class TeamTotalRow(NamedTuple):
    """What a team did while it belonged to a unit and a district (empty where there is none).

    A citizen whom several teams guided counts in one of their rows: summed over the teams of a unit `unit_citizens` are
    its distinct citizens, over those of a district `district_citizens` are, over all teams `province_citizens` are.
    """

    campaign_id: str
    team_id: str
    unit_id: str
    district_id: str
    unit_citizens: int
    district_citizens: int
    province_citizens: int
    sessions: int
    sessions_outside_window: int
    withdrawn: int


class CitizenRow(NamedTuple):
    """Who guided a citizen in a campaign; `visits` as `visits.write` makes it."""

    campaign_id: str
    citizen_ref: str
    visits: str


class UnitDayRow(NamedTuple):
    """Guidances of a team's unit by the day they happened and the day they were received; so are withdrawals."""

    campaign_id: str
    unit_id: str
    day: date
    received_on: date
    district_id: str | None
    sessions: int
    withdrawn: int


campaigns = Table("campaign", CampaignRow, key=1, cached=True)
topics = Table("campaign_topic", TopicRow, key=2, cached=True)
teams = Table("team", TeamRow, key=1)
team_places = Table("team_place", TeamPlace, key=2)
members = Table("member", Membership, key=2)
"""The last time of each person on each team, which is what may end."""
memberships = Table("membership", Membership, key=3)
citizens = Table("citizen", CitizenRow, key=2)
topic_totals = Counters("topic_total", TopicTotalRow, key=2)
member_progress = Counters("member_progress", MemberProgressRow, key=2)
team_totals = Counters("team_total", TeamTotalRow, key=4)
unit_days = Counters("unit_day", UnitDayRow, key=4)
