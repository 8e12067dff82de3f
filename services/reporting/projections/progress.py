"""How far is the movement? Teams and members against the quota, citizens and sessions by unit, by topic, by day.

A member's quota counts distinct citizens of that person within the window; unit and province count distinct citizens,
with sessions beside them (decision 0004). Days are kept twice: when it happened, and when it was received. Units are
those of the day; what a team did is kept by team as well, so that it can be counted on the map of any other day.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Any

from services.reporting.projections import visits
from services.reporting.projections.progress_rows import (
    CampaignRow,
    CitizenRow,
    TeamRow,
    TopicRow,
    campaigns,
    citizens,
    member_progress,
    members,
    memberships,
    team_places,
    team_totals,
    teams,
    topic_totals,
    topics,
    unit_days,
)
from services.reporting.projections.visits import Visit
from shared.clock import local_day
from shared.contracts import Recorded, history
from shared.contracts.outreach import CampaignLaunched, CitizenGuided, GuidanceWithdrawn
from shared.contracts.registry import (
    MemberJoined,
    MemberLeft,
    MemberRoleChanged,
    TeamDisbanded,
    TeamFormed,
    TeamReassigned,
    TeamRenamed,
)
from shared.projection import Key, Projection, Rows, Table

progress = Projection(
    "progress",
    version=4,
    tables=(
        campaigns, topics, teams, team_places, members, memberships, citizens, topic_totals, member_progress,
        team_totals, unit_days,
    ),
)  # fmt: skip


@progress.on(CampaignLaunched, needs=lambda *_: ())
def campaign_launched(rows: Rows, _: Recorded, event: CampaignLaunched) -> None:
    """A campaign can be counted from here on."""
    rows.put(
        campaigns,
        CampaignRow(
            event.campaign_id, event.name, event.launched_on, event.day_one_rule, event.window_days, event.first_day,
            event.last_day, event.quota, event.report_due_on, len(event.reporting_unit_ids),
        ),
    )  # fmt: skip
    for position, topic in enumerate(event.topics):
        rows.put(topics, TopicRow(event.campaign_id, topic.code, position, topic.name_vi, topic.name_en))
        rows.add(topic_totals, (event.campaign_id, topic.code), (0,))


@progress.on(TeamFormed, needs=lambda *_: ())
def team_formed(rows: Rows, _: Recorded, event: TeamFormed) -> None:
    """A team exists, and belongs somewhere."""
    rows.put(teams, TeamRow(event.team_id, event.name, event.formed_on, None, None))
    team_placed(rows, _, event)


@progress.on(TeamReassigned, needs=lambda _, e: [(team_places, key) for key in history.place_keys(e)])
def team_reassigned(rows: Rows, rec: Recorded, event: TeamReassigned) -> None:
    """A team belongs elsewhere from a day on. What it did stays as it was recorded; maps are asked of the places."""
    team_placed(rows, rec, event)


def team_placed(rows: Rows, _: Recorded, event: history.PlaceEvent) -> None:
    """The places of a team with their days."""
    for place in history.team_places(event, partial(rows.get, team_places)):
        rows.put(team_places, place)


@progress.on(TeamRenamed, needs=lambda _, e: [(teams, (e.team_id,))])
def team_renamed(rows: Rows, _: Recorded, event: TeamRenamed) -> None:
    """A team goes by another name."""
    rows.put(teams, _team(rows, event.team_id)._replace(name=event.name))


@progress.on(TeamDisbanded, needs=lambda _, e: [(teams, (e.team_id,))])
def team_disbanded(rows: Rows, _: Recorded, event: TeamDisbanded) -> None:
    """A team ended; what it did stays, at its last place."""
    team = _team(rows, event.team_id)
    rows.put(teams, team._replace(last_day=event.last_day, into_team_id=event.into_team_id))


def _team(rows: Rows, team_id: str) -> TeamRow:
    found = rows.get(teams, team_id)
    if found is None:
        raise LookupError(f"team {team_id} was never formed")
    return found


def member_told(rows: Rows, _: Recorded, event: history.MemberEvent) -> None:
    """A person is in every denominator that includes a day on the team; what was done until the last one stays."""
    after = history.membership(event, rows.get(members, event.member_id, event.team_id))
    rows.put(members, after)
    rows.put(memberships, after)


def _member_needs(_: Recorded, event: history.MemberEvent) -> list[tuple[Table[Any], Key]]:
    return [(members, (event.member_id, event.team_id))]


progress.on(MemberJoined, needs=_member_needs)(member_told)
progress.on(MemberLeft, needs=_member_needs)(member_told)
progress.on(MemberRoleChanged, needs=_member_needs)(member_told)


def _needs(_: Recorded, event: CitizenGuided | GuidanceWithdrawn) -> tuple[tuple[Table[Any], Key], ...]:
    return ((citizens, (event.campaign_id, event.citizen_ref)),)


@progress.on(CitizenGuided, needs=_needs)
def citizen_guided(rows: Rows, rec: Recorded, event: CitizenGuided) -> None:
    """One guidance more; distinct counts rise where the citizen is new."""
    _count(rows, rec, event, event.occurred_at, 1)


@progress.on(GuidanceWithdrawn, needs=_needs)
def guidance_withdrawn(rows: Rows, rec: Recorded, event: GuidanceWithdrawn) -> None:
    """One guidance less; distinct counts fall where it was the citizen's last. The withdrawal is counted apart."""
    _count(rows, rec, event, event.guided_at, -1)


def _count(rows: Rows, rec: Recorded, event: CitizenGuided | GuidanceWithdrawn, happened_at: datetime, by: int) -> None:
    of = event.campaign_id
    campaign = rows.get(campaigns, of)
    if campaign is None:
        raise LookupError(f"campaign {of} was never launched")
    day = local_day(happened_at)
    in_window = int(campaign.first_day <= day <= campaign.last_day)
    at = Visit(event.member_id, event.team_id, event.unit_id, event.district_id or "", 1, in_window)
    member_id, team_id, unit_id, district_id, *_ = at
    change = _visit(rows, of, event.citizen_ref, at, by)
    counting, gone = by * in_window, int(by < 0)
    rows.add(
        member_progress,
        (of, member_id),
        (change.member_in_window, counting, change.member, by, gone, happened_at),
    )
    rows.add(
        team_totals,
        (of, team_id, unit_id, district_id),
        (change.unit, change.district, change.province, by, by - counting, gone),
    )
    _count_topics(rows, of, event.topics, by)
    received_on = local_day(rec.recorded_at)
    rows.add(unit_days, (of, unit_id, day, received_on), (district_id or None, int(by > 0), gone))


def _visit(rows: Rows, of: str, citizen_ref: str, at: Visit, by: int) -> visits.Change:
    row = rows.get(citizens, of, citizen_ref)
    after, change = visits.fold(row.visits if row else None, at, by)
    rows.put(citizens, CitizenRow(of, citizen_ref, after))
    return change


def _count_topics(rows: Rows, of: str, codes: Iterable[str], by: int) -> None:
    for code in codes:
        if rows.get(topics, of, code) is None:
            raise LookupError(f"topic {code} is none of the campaign's")
        rows.add(topic_totals, (of, code), (by,))
