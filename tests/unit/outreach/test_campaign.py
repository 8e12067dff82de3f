"""The window of a campaign under both day-one rules, and what must be there to launch one."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.outreach import campaign
from services.outreach.campaign import Campaign, Plan
from shared.clock import VIETNAM
from shared.contracts.outreach import CampaignLaunched, DayOneRule, Topic
from shared.errors import Problem

NOW = datetime(2023, 7, 28, 1, 0, tzinfo=UTC)
SERVICES = Topic(code="services", name_vi="Dịch vụ công", name_en="Public services")


def plan(**changed: Any) -> Plan:
    """The plan of 2023: seven days from the ceremony on 28/7, reports by 15/8."""
    facts = {
        "campaign_id": "qn-2023", "name": "Phong trào", "launched_on": date(2023, 7, 28),
        "day_one_rule": DayOneRule.CEREMONY_DAY, "window_days": 7, "quota": 7, "topics": (SERVICES,),
        "report_due_on": date(2023, 8, 15), "reporting_unit_ids": ("533", "536"),
    }  # fmt: skip
    return Plan(**{**facts, **changed})


def refused(of: Plan, *, known: set[str] | None = None, now: datetime = NOW) -> tuple[int, str, list[str]]:
    with pytest.raises(Problem) as caught:
        campaign.launch(of, {"533", "536"} if known is None else known, now)
    return caught.value.status, caught.value.slug, [f.field for f in caught.value.fields]


@pytest.mark.parametrize(
    ("rule", "first", "last"),
    [
        (DayOneRule.CEREMONY_DAY, date(2023, 7, 28), date(2023, 8, 3)),
        (DayOneRule.DAY_AFTER, date(2023, 7, 29), date(2023, 8, 4)),
    ],
)
def test_seven_days_begin_with_the_ceremony_or_the_day_after(rule: DayOneRule, first: date, last: date) -> None:
    launched, event = campaign.launch(plan(day_one_rule=rule), {"533", "536"}, NOW)
    assert launched == Campaign(
        "qn-2023", "Phong trào", date(2023, 7, 28), rule, 7, first, last, 7, ("services",), date(2023, 8, 15),
        ("533", "536"),
    )  # fmt: skip
    assert event == CampaignLaunched(
        occurred_at=datetime(2023, 7, 28, tzinfo=VIETNAM), campaign_id="qn-2023", name="Phong trào",
        launched_on=date(2023, 7, 28), day_one_rule=rule, window_days=7, first_day=first, last_day=last, quota=7,
        topics=(SERVICES,), report_due_on=date(2023, 8, 15), reporting_unit_ids=("533", "536"),
    )  # fmt: skip


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.sampled_from(DayOneRule), st.integers(1, 366))
def test_a_window_has_as_many_days_as_the_plan_says(launch: date, rule: DayOneRule, days: int) -> None:
    first, last = campaign.window(launch, rule, days)
    assert (last - first).days + 1 == days
    assert (first - launch).days == (rule is DayOneRule.DAY_AFTER)


def test_a_campaign_is_launched_on_its_day_or_later_not_before() -> None:
    campaign.launch(plan(), {"533", "536"}, datetime(2023, 7, 27, 17, 0, tzinfo=UTC))
    campaign.launch(plan(), {"533", "536"}, datetime(2024, 7, 27, 17, 0, tzinfo=UTC))
    the_evening_before = datetime(2023, 7, 27, 16, 59, 59, tzinfo=UTC)
    assert refused(plan(), now=the_evening_before) == (422, "in_the_future", ["launched_on"])


def test_reports_are_due_on_the_last_day_at_the_earliest() -> None:
    campaign.launch(plan(report_due_on=date(2023, 8, 3)), {"533", "536"}, NOW)
    assert refused(plan(report_due_on=date(2023, 8, 2))) == (422, "due_before_end", ["report_due_on"])
    day_after = plan(report_due_on=date(2023, 8, 3), day_one_rule=DayOneRule.DAY_AFTER)
    assert refused(day_after) == (422, "due_before_end", ["report_due_on"])


def test_topics_and_reporting_units_are_named_once_and_known() -> None:
    assert refused(plan(topics=(SERVICES, SERVICES))) == (422, "topic_twice", ["topics"])
    twice = plan(reporting_unit_ids=("533", "536", "533"))
    assert refused(twice) == (422, "unit_twice", ["reporting_unit_ids"])
    assert refused(plan(), known={"533"}) == (422, "unknown_unit", ["reporting_unit_ids"])


# -- who owes a report ------------------------------------------------------------------------------------------------


def launched(**changed: Any) -> Campaign:
    found, _ = campaign.launch(plan(**changed), {"21142", "21157", "533", "536"}, NOW)
    return found


def owing(*heirs: tuple[str, date, str], units: tuple[str, ...] = ("533", "536")) -> list[tuple[Any, ...]]:
    return [tuple(o) for o in campaign.owed(launched(reporting_unit_ids=units), heirs)]


BEGIN, DUE, REFORM, EVE = date(2023, 7, 28), date(2023, 8, 15), date(2023, 8, 10), date(2023, 8, 9)


def test_each_reporting_unit_owes_its_own_report_until_it_is_due() -> None:
    assert owing() == [("533", ("533",), BEGIN, DUE), ("536", ("536",), BEGIN, DUE)]


def test_an_heir_owes_what_an_abolished_unit_owed_from_that_day_on() -> None:
    assert owing(("533", REFORM, "21400-2507")) == [
        ("533", ("533",), BEGIN, EVE), ("536", ("536",), BEGIN, DUE), ("21400-2507", ("533",), REFORM, DUE),
    ]  # fmt: skip


def test_an_heir_of_several_owes_one_report_for_all_of_them() -> None:
    heirs = [("21142", REFORM, "new"), ("21157", REFORM, "new")]
    assert owing(*heirs, units=("21142", "21157")) == [
        ("21142", ("21142",), BEGIN, EVE), ("21157", ("21157",), BEGIN, EVE),
        ("new", ("21142", "21157"), REFORM, DUE),
    ]  # fmt: skip


def test_an_heir_that_is_abolished_in_its_turn_passes_it_on() -> None:
    last = date(2023, 8, 15)
    assert owing(("533", REFORM, "A"), ("A", last, "B"), units=("533",)) == [
        ("533", ("533",), BEGIN, EVE), ("A", ("533",), REFORM, date(2023, 8, 14)), ("B", ("533",), last, DUE),
    ]  # fmt: skip


@pytest.mark.parametrize("day", [date(2023, 7, 28), date(2023, 8, 16), date(2025, 7, 1)])
def test_a_reform_before_the_launch_or_after_the_due_day_moves_no_report(day: date) -> None:
    assert owing(("533", day, "A")) == owing()


def test_every_report_is_owed_by_one_unit_on_every_day() -> None:
    found = owing(("533", REFORM, "A"), ("536", date(2023, 8, 11), "A"), ("A", date(2023, 8, 12), "B"))
    for day in (BEGIN, EVE, REFORM, date(2023, 8, 11), date(2023, 8, 12), DUE):
        assert sorted(of for _, ofs, first, last in found if first <= day <= last for of in ofs) == ["533", "536"]
