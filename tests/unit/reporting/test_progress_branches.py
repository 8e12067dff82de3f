"""Every branch of the fold of progress, one by one; withdrawal included."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.reporting.projections.progress import progress
from services.reporting.projections.progress_rows import (
    CampaignRow,
    MemberProgressRow,
    TeamRow,
    TeamTotalRow,
    TopicRow,
    UnitDayRow,
)
from shared.clock import VIETNAM
from shared.contracts import Event, Recorded
from shared.contracts.courses import QuizFailed
from shared.contracts.history import Membership, TeamPlace
from shared.contracts.outreach import CampaignLaunched, CitizenGuided, GuidanceWithdrawn, WithdrawReason
from shared.contracts.registry import MemberJoined, MemberLeft, TeamDisbanded, TeamFormed, TeamRenamed
from shared.projection import fold_all

COMMUNE: dict[str, Any] = {"unit_id": "21400", "district_id": "533", "commune_id": "21400"}
LY_SON: dict[str, Any] = {"unit_id": "536", "district_id": "536", "commune_id": None}
FIRST_SECOND = datetime(2023, 7, 28, 0, 0, 0, tzinfo=VIETNAM)
LAST_SECOND = datetime(2023, 8, 3, 23, 59, 59, tzinfo=VIETNAM)
RECEIVED = datetime(2023, 8, 5, 1, 0, tzinfo=UTC)


def launched(**changed: Any) -> CampaignLaunched:
    """The window is 28/7 to 3/8."""
    facts = {
        "occurred_at": FIRST_SECOND, "campaign_id": "qn", "name": "Phong trào", "launched_on": "2023-07-28",
        "day_one_rule": "ceremony_day", "window_days": 7, "first_day": "2023-07-28", "last_day": "2023-08-03",
        "quota": 7, "topics": [{"code": c, "name_vi": c, "name_en": c} for c in ("services", "payments")],
        "report_due_on": "2023-08-15", "reporting_unit_ids": ["533", "536"],
    }  # fmt: skip
    return CampaignLaunched.model_validate({**facts, **changed})


def guided(guidance_id: str = "g1", **changed: Any) -> CitizenGuided:
    facts = {
        "occurred_at": FIRST_SECOND, "guidance_id": guidance_id, "campaign_id": "qn", "member_id": "an",
        "team_id": "t1", "citizen_ref": "x", "topics": ["services"], "place": "home", **COMMUNE,
    }  # fmt: skip
    return CitizenGuided.model_validate({**facts, **changed})


def withdrawn(of: CitizenGuided) -> GuidanceWithdrawn:
    same = of.model_dump(exclude={"occurred_at", "place"})
    return GuidanceWithdrawn(
        **same, occurred_at=RECEIVED, guided_at=of.occurred_at, reason=WithdrawReason.WRONG_CITIZEN
    )


def joined(**changed: Any) -> MemberJoined:
    facts = {
        "occurred_at": FIRST_SECOND,
        "member_id": "an",
        "team_id": "t1",
        "role": "leader",
        "joined_on": "2023-07-01",
    }
    return MemberJoined.model_validate({**facts, **COMMUNE, **changed})


def after(*events: Event, table: str) -> list[Any]:
    """The rows of a table."""
    records = [Recorded("any", pos, f"e{pos}", RECEIVED, event) for pos, event in enumerate(events, 1)]
    return list(fold_all(progress, records)[table].values())


def test_a_launched_campaign_can_be_counted_with_all_its_topics_at_nothing() -> None:
    assert after(launched(), table="campaign") == [
        CampaignRow("qn", "Phong trào", date(2023, 7, 28), "ceremony_day", 7, date(2023, 7, 28), date(2023, 8, 3), 7,
                    date(2023, 8, 15), 2)
    ]  # fmt: skip
    assert after(launched(), table="campaign_topic") == [
        TopicRow("qn", "services", 0, "services", "services"),
        TopicRow("qn", "payments", 1, "payments", "payments"),
    ]


def test_a_team_is_known_with_its_place_and_village() -> None:
    formed = TeamFormed.model_validate(
        {"occurred_at": FIRST_SECOND, "team_id": "t1", "name": "Tổ", "level": "village", "village": "Thôn 1", **COMMUNE,
         "decision_number": "12/QĐ", "decision_date": "2023-06-30", "formed_on": "2023-07-01"}
    )  # fmt: skip
    assert after(formed, table="team") == [TeamRow("t1", "Tổ", date(2023, 7, 1), None, None)]
    place = TeamPlace("t1", date(2023, 7, 1), None, "21400", "village", "Thôn 1", None)
    assert after(formed, table="team_place") == [place]

    renamed = TeamRenamed(occurred_at=RECEIVED, team_id="t1", name="Tổ 1", effective_on=date(2023, 9, 1))
    ended = TeamDisbanded.model_validate(
        {"occurred_at": RECEIVED, "team_id": "t1", "last_day": "2023-12-31", "reason": "merged", "into_team_id": "t2"}
    )
    row = TeamRow("t1", "Tổ 1", date(2023, 7, 1), date(2023, 12, 31), "t2")
    assert after(formed, renamed, ended, table="team") == [row]
    for event in (renamed, ended):
        with pytest.raises(LookupError, match="never formed"):
            after(event, table="team")


def test_a_member_has_a_first_day_and_after_leaving_a_last() -> None:
    row = Membership("an", "t1", date(2023, 7, 1), None, "leader", "youth")
    assert after(joined(organisation_id="youth"), table="member") == [row]
    left = MemberLeft.model_validate(
        {"occurred_at": RECEIVED, "member_id": "an", "team_id": "t1", "left_on": "2023-07-30", "reason": "moved"}
    )
    expected = [row._replace(left_on=date(2023, 7, 30))]
    assert after(joined(organisation_id="youth"), left, table="member") == expected
    assert after(joined(organisation_id="youth"), left, table="membership") == expected
    with pytest.raises(LookupError, match="never joined"):
        after(left, table="member")


def test_a_guidance_counts_for_member_unit_district_province_topic_and_day() -> None:
    events = (launched(), guided(topics=["services", "payments"]))
    assert after(*events, table="member_progress") == [
        MemberProgressRow("qn", "an", 1, 1, 1, 1, 0, FIRST_SECOND)
    ]  # fmt: skip
    assert after(*events, table="team_total") == [TeamTotalRow("qn", "t1", "21400", "533", 1, 1, 1, 1, 0, 0)]
    assert [(t.code, t.sessions) for t in after(*events, table="topic_total")] == [("services", 1), ("payments", 1)]
    assert after(*events, table="unit_day") == [
        UnitDayRow("qn", "21400", date(2023, 7, 28), date(2023, 8, 5), "533", 1, 0)
    ]  # fmt: skip


def test_a_team_of_a_district_counts_there_once() -> None:
    events = (launched(), guided(**LY_SON))
    assert after(*events, table="team_total") == [TeamTotalRow("qn", "t1", "536", "536", 1, 1, 1, 1, 0, 0)]


def test_a_districts_own_team_finds_citizens_that_its_communes_have_counted() -> None:
    own = {"unit_id": "533", "district_id": "533", "commune_id": None, "member_id": "binh"}
    communes, districts = after(launched(), guided(), guided("g2", **own), table="team_total")
    assert (communes.unit_citizens, communes.district_citizens, communes.province_citizens) == (1, 1, 1)
    assert (districts.unit_citizens, districts.district_citizens, districts.province_citizens) == (1, 0, 0)
    assert (communes.sessions, districts.sessions) == (1, 1)


def test_a_citizen_of_two_teams_is_one_of_their_unit_also_when_the_first_takes_it_back() -> None:
    first, second = guided(), guided("g2", team_id="t2", member_id="binh")
    for events, expected in (
        ((first, second), [1, 0]), ((first, second, withdrawn(first)), [1, 0]),
        ((first, second, withdrawn(second)), [1, 0]), ((first, second, withdrawn(first), withdrawn(second)), [1, -1]),
    ):  # fmt: skip
        rows = after(launched(), *events, table="team_total")
        assert [[r.unit_citizens, r.district_citizens, r.province_citizens] for r in rows] == [
            [n] * 3 for n in expected
        ]


@pytest.mark.parametrize(
    ("moment", "counts"),
    [
        (FIRST_SECOND - timedelta(seconds=1), 0),
        (FIRST_SECOND, 1),
        (datetime(2023, 7, 27, 17, 0, tzinfo=UTC), 1),
        (LAST_SECOND, 1),
        (LAST_SECOND + timedelta(seconds=1), 0),
        (datetime(2023, 8, 3, 17, 0, tzinfo=UTC), 0),
    ],
)
def test_the_quota_counts_from_the_first_midnight_to_the_last_in_vietnam(moment: datetime, counts: int) -> None:
    events = (launched(), guided(occurred_at=moment))
    row = after(*events, table="member_progress")[0]
    assert (row.citizens_in_window, row.sessions_in_window) == (counts, counts)
    assert (row.citizens, row.sessions) == (1, 1)
    assert [t.sessions_outside_window for t in after(*events, table="team_total")] == [1 - counts]
    assert after(*events, table="unit_day")[0].day == moment.astimezone(VIETNAM).date()


def test_after_the_ceremonys_day_means_that_the_day_itself_does_not_count() -> None:
    day_after = launched(day_one_rule="day_after", first_day="2023-07-29", last_day="2023-08-04")
    for moment, counts in ((FIRST_SECOND, 0), (FIRST_SECOND + timedelta(days=1), 1), (LAST_SECOND, 1)):
        rows = after(day_after, guided(occurred_at=moment), table="member_progress")
        assert rows[0].citizens_in_window == counts


def test_a_repeated_citizen_is_a_session_more_and_no_citizen_more() -> None:
    rows = after(launched(), guided(), guided("g2", occurred_at=LAST_SECOND), table="member_progress")
    assert rows == [MemberProgressRow("qn", "an", 1, 2, 1, 2, 0, LAST_SECOND)]


def test_entries_that_arrive_out_of_order_keep_the_latest_moment() -> None:
    rows = after(launched(), guided(occurred_at=LAST_SECOND), guided("g2"), table="member_progress")
    assert rows[0].last_at == LAST_SECOND


def test_withdrawing_the_only_guidance_takes_every_count_back_and_is_counted_itself() -> None:
    only = guided()
    events = (launched(), only, withdrawn(only))
    assert after(*events, table="member_progress") == [
        MemberProgressRow("qn", "an", 0, 0, 0, 0, 1, FIRST_SECOND)
    ]  # fmt: skip
    assert after(*events, table="team_total") == [TeamTotalRow("qn", "t1", "21400", "533", 0, 0, 0, 0, 0, 1)]
    assert {t.sessions for t in after(*events, table="topic_total")} == {0}
    assert [(d.day, d.received_on, d.sessions, d.withdrawn) for d in after(*events, table="unit_day")] == [
        (date(2023, 7, 28), date(2023, 8, 5), 1, 1)
    ]
    assert [c.visits for c in after(*events, table="citizen")] == ["[]"]


def test_withdrawing_one_of_two_leaves_the_citizen_counted() -> None:
    first, second = guided(), guided("g2")
    rows = after(launched(), first, second, withdrawn(first), table="member_progress")
    assert (rows[0].citizens_in_window, rows[0].sessions, rows[0].withdrawn) == (1, 1, 1)


def test_withdrawing_what_was_outside_the_window_leaves_the_quota_alone() -> None:
    late = guided("g2", occurred_at=LAST_SECOND + timedelta(hours=1))
    events = (launched(), guided(), late, withdrawn(late))
    assert (after(*events, table="member_progress")[0].citizens_in_window) == 1
    assert [t.sessions_outside_window for t in after(*events, table="team_total")] == [0]


def test_two_campaigns_count_apart() -> None:
    other = launched(campaign_id="qn2")
    rows = after(launched(), other, guided(), guided("g2", campaign_id="qn2"), table="team_total")
    assert {(r.campaign_id, r.team_id): r.province_citizens for r in rows} == {(c, "t1"): 1 for c in ("qn", "qn2")}


def test_what_cannot_be_counted_raises_and_is_not_passed_over() -> None:
    with pytest.raises(LookupError, match="never launched"):
        after(guided(), table="citizen")
    with pytest.raises(LookupError, match="never launched"):
        after(withdrawn(guided()), table="citizen")
    with pytest.raises(LookupError, match="never counted"):
        after(launched(), withdrawn(guided()), table="citizen")
    with pytest.raises(LookupError, match="none of the campaign's"):
        after(launched(), guided(topics=["cooking"]), table="citizen")


def test_other_events_change_nothing() -> None:
    failed = QuizFailed(
        occurred_at=RECEIVED, attempt_id="a", learner_id="l", course_id="c", attempt=1, right=0, out_of=10
    )
    assert after(launched(), failed, table="team_total") == []
