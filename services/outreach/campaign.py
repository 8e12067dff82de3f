"""Rules of campaigns: the window, day one, what must be there to launch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from shared import errors
from shared.clock import local_day, start_of_day
from shared.contracts.outreach import CampaignLaunched, DayOneRule, Topic


class Campaign(NamedTuple):
    """A launched campaign. `first_day` to `last_day` count towards the quota."""

    campaign_id: str
    name: str
    launched_on: date
    day_one_rule: DayOneRule
    window_days: int
    first_day: date
    last_day: date
    quota: int
    topics: tuple[str, ...]
    report_due_on: date
    reporting_unit_ids: tuple[str, ...]


class Owed(NamedTuple):
    """Whose report a unit owes, from when to when, both days included: its own, or those of abolished units."""

    unit_id: str
    of_unit_ids: tuple[str, ...]
    first_day: date
    last_day: date


class Plan(NamedTuple):
    """What a campaign's plan says."""

    campaign_id: str
    name: str
    launched_on: date
    day_one_rule: DayOneRule
    window_days: int
    quota: int
    topics: tuple[Topic, ...]
    report_due_on: date
    reporting_unit_ids: tuple[str, ...]


def window(launched_on: date, rule: DayOneRule, days: int) -> tuple[date, date]:
    """First and last day that count: `days` days from the ceremony, or from the day after it."""
    first = launched_on if rule is DayOneRule.CEREMONY_DAY else launched_on + timedelta(days=1)
    return first, first + timedelta(days=days - 1)


def launch(plan: Plan, known_units: set[str], now: datetime) -> tuple[Campaign, CampaignLaunched]:
    """A campaign begins on its ceremony's day; it may be entered beforehand only on that day or later."""
    first, last = window(plan.launched_on, plan.day_one_rule, plan.window_days)
    _check(plan, known_units, last, local_day(now))
    campaign = Campaign(
        plan.campaign_id, plan.name, plan.launched_on, plan.day_one_rule, plan.window_days, first, last, plan.quota,
        tuple(t.code for t in plan.topics), plan.report_due_on, plan.reporting_unit_ids,
    )  # fmt: skip
    event = CampaignLaunched(
        occurred_at=start_of_day(plan.launched_on), first_day=first, last_day=last, **plan._asdict()
    )
    return campaign, event


def _check(plan: Plan, known_units: set[str], last_day: date, today: date) -> None:
    if plan.launched_on > today:
        raise errors.invalid(
            "in_the_future",
            "launched_on",
            f"Lễ phát động ngày {plan.launched_on:%d/%m/%Y} chưa diễn ra; hôm nay là {today:%d/%m/%Y}.",
            f"The ceremony of {plan.launched_on} has not taken place; today is {today}.",
        )
    if plan.report_due_on < last_day:
        raise errors.invalid(
            "due_before_end",
            "report_due_on",
            f"Hạn báo cáo phải từ ngày cuối của đợt ({last_day:%d/%m/%Y}) trở đi.",
            f"The report deadline must not be before the window's last day ({last_day}).",
        )
    if len({t.code for t in plan.topics}) != len(plan.topics):
        raise errors.invalid("topic_twice", "topics", "Có mã nội dung bị lặp.", "A topic code appears twice.")
    if len(set(plan.reporting_unit_ids)) != len(plan.reporting_unit_ids):
        raise errors.invalid(
            "unit_twice", "reporting_unit_ids", "Có đơn vị bị lặp trong danh sách.", "A unit is named twice."
        )
    unknown = _unknown(plan.reporting_unit_ids, known_units)
    if unknown:
        raise errors.invalid(
            "unknown_unit",
            "reporting_unit_ids",
            f"Ngày {plan.launched_on:%d/%m/%Y} không có đơn vị: {', '.join(unknown)}. Xem /registry/units.",
            f"No such units on {plan.launched_on}: {', '.join(unknown)}. See /registry/units.",
        )


def _unknown(ids: Sequence[str], known: set[str]) -> list[str]:
    return [i for i in ids if i not in known][:10]


def owed(campaign: Campaign, heirs: Sequence[tuple[str, date, str]]) -> list[Owed]:
    """Who owes a report on which day. What an abolished unit still owes passes to its heir: (unit, day, heir), by day.

    A unit that takes over from several owes one report, for all of them.
    """
    holder = {unit_id: unit_id for unit_id in campaign.reporting_unit_ids}
    open_since: dict[tuple[str, tuple[str, ...]], date] = dict.fromkeys(_groups(holder), campaign.launched_on)
    ended: list[Owed] = []
    days = sorted({day for _, day, _ in heirs if campaign.launched_on < day <= campaign.report_due_on})
    for day in days:
        takes = {unit_id: heir for unit_id, on, heir in heirs if on == day}
        holder = {of: takes.get(now, now) for of, now in holder.items()}
        groups = _groups(holder)
        gone = [g for g in open_since if g not in groups]
        ended += [Owed(*g, open_since.pop(g), day - timedelta(days=1)) for g in gone]
        open_since = {g: open_since.get(g, day) for g in groups}
    ended += [Owed(*group, first_day, campaign.report_due_on) for group, first_day in open_since.items()]
    return sorted(ended, key=lambda o: (o.first_day, o.unit_id))


def _groups(holder: Mapping[str, str]) -> list[tuple[str, tuple[str, ...]]]:
    groups: dict[str, list[str]] = {}
    for of, now in holder.items():
        groups.setdefault(now, []).append(of)
    return [(now, tuple(sorted(of))) for now, of in groups.items()]
