"""How far is the movement? Teams and members against the quota, citizens and sessions by unit, by topic, by day.

A member's quota counts distinct citizens of that member within the window; unit and province count distinct
citizens, with
sessions beside them (decision 0004). Days are kept twice: when it happened, and when it was received.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from services.reporting.projections import visits
from services.reporting.projections.progress_rows import (
    PROVINCE,
    CampaignRow,
    CitizenRow,
    MemberProgressRow,
    MemberRow,
    TeamRow,
    TopicRow,
    UnitDayRow,
    UnitTotalRow,
    campaigns,
    citizens,
    member_progress,
    members,
    teams,
    topics,
    unit_days,
    unit_totals,
)
from services.reporting.projections.visits import Visit
from shared.clock import local_day
from shared.contracts import Recorded
from shared.contracts.outreach import CampaignLaunched, CitizenGuided, GuidanceWithdrawn
from shared.contracts.registry import MemberJoined, MemberLeft, TeamFormed
from shared.projection import Key, Projection, Rows, Table

progress = Projection(
    "progress",
    version=1,
    tables=(campaigns, topics, teams, members, member_progress, citizens, unit_totals, unit_days),
)


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
        rows.put(topics, TopicRow(event.campaign_id, topic.code, position, topic.name_vi, topic.name_en, 0))


@progress.on(TeamFormed, needs=lambda *_: ())
def team_formed(rows: Rows, _: Recorded, event: TeamFormed) -> None:
    """A team exists."""
    rows.put(
        teams,
        TeamRow(
            event.team_id, event.name, event.level, event.unit_id, event.village, event.district_id, event.commune_id,
            event.formed_on,
        ),
    )  # fmt: skip


@progress.on(MemberJoined, needs=lambda *_: ())
def member_joined(rows: Rows, _: Recorded, event: MemberJoined) -> None:
    """A member is one more in every denominator that includes the day."""
    rows.put(
        members,
        MemberRow(
            event.member_id, event.team_id, event.role, event.organisation_id, event.unit_id, event.district_id,
            event.commune_id, event.joined_on, None,
        ),
    )  # fmt: skip


@progress.on(MemberLeft, needs=lambda _, e: [(members, (e.member_id,))])
def member_left(rows: Rows, _: Recorded, event: MemberLeft) -> None:
    """The place ended; what was done until then stays."""
    member = rows.get(members, event.member_id)
    if member is None:
        raise LookupError(f"member {event.member_id} left but never joined")
    rows.put(members, member._replace(left_on=event.left_on))


def _needs(
    rec: Recorded, event: CitizenGuided | GuidanceWithdrawn, happened_at: datetime
) -> list[tuple[Table[Any], Key]]:
    campaign = event.campaign_id
    return [
        (campaigns, (campaign,)),
        (citizens, (campaign, event.citizen_ref)),
        (member_progress, (campaign, event.member_id)),
        (unit_days, (campaign, event.unit_id, local_day(happened_at), local_day(rec.recorded_at))),
        *[(unit_totals, (campaign, unit_id)) for unit_id in _places(event)],
        *[(topics, (campaign, code)) for code in event.topics],
    ]


def _places(event: CitizenGuided | GuidanceWithdrawn) -> tuple[str, ...]:
    """The units that count it: the team's own, its district unless that is the same, the province."""
    if event.district_id and event.district_id != event.unit_id:
        return (event.unit_id, event.district_id, PROVINCE)
    return (event.unit_id, PROVINCE)


@progress.on(CitizenGuided, needs=lambda rec, e: _needs(rec, e, e.occurred_at))
def citizen_guided(rows: Rows, rec: Recorded, event: CitizenGuided) -> None:
    """One guidance more; distinct counts rise where the citizen is new."""
    _count(rows, rec, event, event.occurred_at, 1)


@progress.on(GuidanceWithdrawn, needs=lambda rec, e: _needs(rec, e, e.guided_at))
def guidance_withdrawn(rows: Rows, rec: Recorded, event: GuidanceWithdrawn) -> None:
    """One guidance less; distinct counts fall where it was the citizen's last. The withdrawal is counted apart."""
    _count(rows, rec, event, event.guided_at, -1)


def _count(rows: Rows, rec: Recorded, event: CitizenGuided | GuidanceWithdrawn, happened_at: datetime, by: int) -> None:
    campaign = rows.get(campaigns, event.campaign_id)
    if campaign is None:
        raise LookupError(f"campaign {event.campaign_id} was never launched")
    day = local_day(happened_at)
    in_window = campaign.first_day <= day <= campaign.last_day
    change = _visit(rows, event, in_window, by)
    _count_member(rows, event, change, in_window, by, happened_at)
    _count_units(rows, event, change, in_window, by)
    _count_topics(rows, event, by)
    _count_day(rows, event, day, local_day(rec.recorded_at), by)


def _visit(rows: Rows, event: CitizenGuided | GuidanceWithdrawn, in_window: bool, by: int) -> visits.Change:
    row = rows.get(citizens, event.campaign_id, event.citizen_ref)
    at = Visit(event.member_id, event.unit_id, event.district_id or "", 1, int(in_window))
    after, change = visits.apply(visits.read(row.visits if row else None), at, by)
    rows.put(citizens, CitizenRow(event.campaign_id, event.citizen_ref, visits.write(after)))
    return change


def _count_member(
    rows: Rows,
    event: CitizenGuided | GuidanceWithdrawn,
    change: visits.Change,
    in_window: bool,
    by: int,
    happened_at: datetime,
) -> None:
    row = rows.get(member_progress, event.campaign_id, event.member_id)
    if row is None:
        row = MemberProgressRow(event.campaign_id, event.member_id, event.team_id, 0, 0, 0, 0, 0, happened_at)
    rows.put(
        member_progress,
        MemberProgressRow(
            row.campaign_id,
            row.member_id,
            row.team_id,
            row.citizens_in_window + change.member_in_window,
            row.sessions_in_window + (by if in_window else 0),
            row.citizens + change.member,
            row.sessions + by,
            row.withdrawn + (by < 0),
            max(row.last_at, happened_at),
        ),
    )


def _count_units(
    rows: Rows, event: CitizenGuided | GuidanceWithdrawn, change: visits.Change, in_window: bool, by: int
) -> None:
    campaign, outside, gone = event.campaign_id, 0 if in_window else by, int(by < 0)
    new = {event.unit_id: change.unit, event.district_id: change.district, PROVINCE: change.province}
    for unit_id in _places(event):  # at a district's own team the district's change counts, as the later of the two
        row = rows.get(unit_totals, campaign, unit_id)
        _, _, had, sessions, late, withdrawn = row or (campaign, unit_id, 0, 0, 0, 0)
        after = (had + new[unit_id], sessions + by, late + outside, withdrawn + gone)
        rows.put(unit_totals, UnitTotalRow(campaign, unit_id, *after))


def _count_topics(rows: Rows, event: CitizenGuided | GuidanceWithdrawn, by: int) -> None:
    for code in event.topics:
        topic = rows.get(topics, event.campaign_id, code)
        if topic is None:
            raise LookupError(f"topic {code} is none of the campaign's")
        rows.put(topics, TopicRow(*topic[:5], topic.sessions + by))


def _count_day(rows: Rows, event: CitizenGuided | GuidanceWithdrawn, day: date, received_on: date, by: int) -> None:
    row = rows.get(unit_days, event.campaign_id, event.unit_id, day, received_on)
    before = row or UnitDayRow(event.campaign_id, event.unit_id, day, received_on, event.district_id, 0, 0)
    sessions, withdrawn = (1, 0) if by > 0 else (0, 1)
    rows.put(unit_days, UnitDayRow(*before[:5], before.sessions + sessions, before.withdrawn + withdrawn))
