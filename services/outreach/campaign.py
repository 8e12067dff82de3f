"""Rules of campaigns: the window, day one, what must be there to launch."""

from __future__ import annotations

from collections.abc import Sequence
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
            f"Không có đơn vị: {', '.join(unknown)}. Xem /registry/units.",
            f"No such units: {', '.join(unknown)}. See /registry/units.",
        )


def _unknown(ids: Sequence[str], known: set[str]) -> list[str]:
    return [i for i in ids if i not in known][:10]
