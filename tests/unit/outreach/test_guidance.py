"""What is refused of a guidance and why; withdrawal; a citizen is the same one however the name or number is typed."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.outreach import guidance
from services.outreach.campaign import Campaign
from services.outreach.guidance import Guidance, Placed, Refused, Sent
from shared.clock import VIETNAM
from shared.contracts.outreach import CitizenGuided, DayOneRule, GuidanceWithdrawn, Place, WithdrawReason
from shared.errors import Problem

KEY = "a key that only tests know, 32 characters"
NOW = datetime(2023, 8, 3, 20, 0, tzinfo=VIETNAM)
LAUNCH, LAST_DAY = date(2023, 7, 28), date(2023, 8, 3)
CAMPAIGN = Campaign(
    "qn-2023", "Phong trào", LAUNCH, DayOneRule.CEREMONY_DAY, 7, LAUNCH, LAST_DAY, 7, ("payments", "services"),
    date(2023, 8, 15), ("533",),
)  # fmt: skip
MEMBER = Placed("an", "t1", "21400", "533", "21400", date(2023, 7, 3), None)


def sent(**changed: Any) -> Sent:
    at = datetime(2023, 7, 29, 19, 30, tzinfo=VIETNAM)
    facts = {"guidance_id": "g1", "campaign_id": "qn-2023", "member_id": "an", "citizen_ref": "x" * 22,
             "topics": ("services",), "place": Place.HOME, "occurred_at": at}  # fmt: skip
    return Sent(**{**facts, **changed})


def record(*places: Placed | None, **changed: Any) -> Guidance | Refused:
    known = [p for p in places or (MEMBER,) if p]
    return guidance.record(CAMPAIGN, {"an": known} if known else {}, sent(**changed), NOW)


def recorded(*places: Placed, **changed: Any) -> Guidance:
    found = record(*places, **changed)
    assert isinstance(found, Guidance)
    return found


def refusal(found: Guidance | Refused) -> tuple[str, str] | None:
    return (found.slug, found.field) if isinstance(found, Refused) else None


# -- recording --------------------------------------------------------------------------------------------------------


def test_a_guidance_is_taken_at_the_unit_of_the_team() -> None:
    item = sent()
    assert record() == Guidance(
        "g1", item.digest, "qn-2023", "an", "t1", "x" * 22, ("services",), Place.HOME, "21400", "533", "21400",
        item.occurred_at, NOW,
    )  # fmt: skip
    assert guidance.guided(recorded()) == CitizenGuided(
        occurred_at=item.occurred_at, guidance_id="g1", campaign_id="qn-2023", member_id="an", team_id="t1",
        citizen_ref="x" * 22, topics=("services",), place=Place.HOME, unit_id="21400", district_id="533",
        commune_id="21400",
    )  # fmt: skip


def test_an_unknown_member_is_refused_and_told_that_it_may_be_known_in_a_moment() -> None:
    assert refusal(record(None)) == ("unknown_member", "member_id")


@pytest.mark.parametrize(
    ("ahead", "expected"),
    [(timedelta(0), None), (timedelta(minutes=10), None), (timedelta(minutes=10, seconds=1), "in_the_future")],
)
def test_a_phone_s_clock_may_be_ahead_by_ten_minutes(ahead: timedelta, expected: str | None) -> None:
    found = refusal(record(occurred_at=NOW + ahead))
    assert found == ((expected, "occurred_at") if expected else None)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2023, 7, 27, 23, 59, 59, tzinfo=VIETNAM), "before_campaign"),
        (datetime(2023, 7, 28, 0, 0, 0, tzinfo=VIETNAM), None),
        (datetime(2023, 7, 27, 16, 59, 59, tzinfo=UTC), "before_campaign"),
        (datetime(2023, 7, 27, 17, 0, 0, tzinfo=UTC), None),
    ],
)
def test_the_campaign_begins_at_midnight_in_vietnam(moment: datetime, expected: str | None) -> None:
    assert refusal(record(occurred_at=moment)) == ((expected, "occurred_at") if expected else None)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2023, 7, 29, 23, 59, 59, tzinfo=VIETNAM), "not_a_member_that_day"),
        (datetime(2023, 7, 30, 0, 0, 0, tzinfo=VIETNAM), None),
        (datetime(2023, 7, 31, 23, 59, 59, tzinfo=VIETNAM), None),
        (datetime(2023, 8, 1, 0, 0, 0, tzinfo=VIETNAM), "not_a_member_that_day"),
    ],
)
def test_it_is_taken_on_days_on_the_team_the_last_included(moment: datetime, expected: str | None) -> None:
    two_days = MEMBER._replace(first_day=date(2023, 7, 30), last_day=date(2023, 7, 31))
    assert refusal(record(two_days, occurred_at=moment)) == ((expected, "occurred_at") if expected else None)


OTHER_TEAM = MEMBER._replace(team_id="t2", unit_id="21403", commune_id="21403")


def test_the_unit_is_the_one_of_the_day() -> None:
    until = MEMBER._replace(last_day=date(2023, 7, 29))
    since = MEMBER._replace(unit_id="21403", commune_id="21403", first_day=date(2023, 7, 30))
    days = {day: recorded(until, since, occurred_at=datetime(2023, 7, day, 12, 0, tzinfo=VIETNAM)) for day in (29, 30)}
    assert {day: (found.team_id, found.unit_id) for day, found in days.items()} == {
        29: ("t1", "21400"), 30: ("t1", "21403"),
    }  # fmt: skip


def test_whoever_is_on_two_teams_that_day_says_for_which() -> None:
    found = record(MEMBER, OTHER_TEAM)
    assert refusal(found) == ("which_team", "team_id")
    assert isinstance(found, Refused)
    assert "t1, t2" in found.text.vi
    assert "t1, t2" in found.text.en
    named = recorded(MEMBER, OTHER_TEAM, team_id="t2")
    assert (named.team_id, named.unit_id) == ("t2", "21403")
    later = OTHER_TEAM._replace(first_day=date(2023, 7, 30))
    assert recorded(MEMBER, later).team_id == "t1"


def test_a_team_that_the_member_was_not_on_that_day_is_refused() -> None:
    later = OTHER_TEAM._replace(first_day=date(2023, 7, 30))
    assert refusal(record(MEMBER, later, team_id="t2")) == ("not_on_that_team", "team_id")
    assert refusal(record(MEMBER, team_id="t9")) == ("not_on_that_team", "team_id")


def test_only_topics_of_the_campaign_are_taken() -> None:
    assert refusal(record(topics=("services", "payments"))) is None
    assert refusal(record(topics=("services", "cooking"))) == ("unknown_topic", "topics")


def test_after_the_window_it_is_taken_and_counted_apart() -> None:
    later = NOW + timedelta(days=30)
    found = guidance.record(CAMPAIGN, {"an": [MEMBER]}, sent(occurred_at=later), later)
    assert isinstance(found, Guidance)


@pytest.mark.parametrize(
    "changed",
    [{"campaign_id": "x"}, {"member_id": "x"}, {"citizen_ref": "y" * 22}, {"topics": ("payments",)},
     {"place": Place.MARKET}, {"team_id": "t2"}, {"occurred_at": datetime(2023, 7, 29, 19, 31, tzinfo=VIETNAM)}],
)  # fmt: skip
def test_anything_else_under_the_same_id_is_another_content(changed: dict[str, Any]) -> None:
    assert sent(**changed).digest != sent().digest


def test_the_same_moment_at_another_offset_is_the_same_content() -> None:
    assert sent(occurred_at=datetime(2023, 7, 29, 12, 30, tzinfo=UTC)).digest == sent().digest
    assert sent(guidance_id="g2").digest == sent().digest


# -- withdrawing ------------------------------------------------------------------------------------------------------


def test_a_withdrawal_repeats_the_facts_with_the_day_of_the_guidance() -> None:
    row = recorded()
    assert guidance.withdraw(row, WithdrawReason.DUPLICATE, NOW) == GuidanceWithdrawn(
        occurred_at=NOW, guidance_id="g1", campaign_id="qn-2023", member_id="an", team_id="t1", citizen_ref="x" * 22,
        topics=("services",), unit_id="21400", district_id="533", commune_id="21400", guided_at=row.occurred_at,
        reason=WithdrawReason.DUPLICATE,
    )  # fmt: skip


def test_withdrawing_again_for_the_same_reason_does_nothing_for_another_it_is_refused() -> None:
    gone = recorded()._replace(withdrawn_at=NOW, withdraw_reason="duplicate")
    assert guidance.withdraw(gone, WithdrawReason.DUPLICATE, NOW) is None
    with pytest.raises(Problem) as refused:
        guidance.withdraw(gone, WithdrawReason.WRONG_CITIZEN, NOW)
    assert (refused.value.status, refused.value.slug) == (409, "withdrawn_already")


# -- who a citizen is -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    ["0901234567", "090 123 4567", "090.123.4567", "090-123-4567", "+84901234567", "+84 90 123 45 67", "84901234567",
     "84 901 234 567", "0084 901 234 567", "+84 (0)90 123 4567", " 0901234567 "],
)  # fmt: skip
def test_a_phone_number_is_the_same_however_it_is_typed(typed: str) -> None:
    assert guidance.ref_by_phone(KEY, typed) == guidance.ref_by_phone(KEY, "0901234567")


@pytest.mark.parametrize("other", ["0901234568", "0255 3822 870", "+855 90 123 4567", "0840123456"])
def test_other_numbers_stay_other_numbers(other: str) -> None:
    assert guidance.ref_by_phone(KEY, other) != guidance.ref_by_phone(KEY, "0901234567")
    assert guidance.phone_digits(other)[-9:] == "".join(c for c in other if c.isdigit())[-9:]


@pytest.mark.parametrize(
    ("name", "village"),
    [
        ("Nguyễn Thị Hoà", "Thôn Đông"),
        ("Nguyễn Thị Hòa", "Thôn Đông"),
        ("nguyen thi hoa", "thon dong"),
        ("nguyễn thị hòa", "thôn đông"),
        ("NGUYỄN  THỊ   HÒA", "THÔN ĐÔNG"),
        (unicodedata.normalize("NFD", "Nguyễn Thị Hoà"), unicodedata.normalize("NFD", "Thôn Đông")),
    ],
)
def test_a_name_is_the_same_with_and_without_marks_in_old_and_new_spelling(name: str, village: str) -> None:
    assert guidance.ref_by_name(KEY, name, 1960, village) == guidance.ref_by_name(
        KEY, "Nguyễn Thị Hòa", 1960, "Thôn Đông"
    )


def test_another_year_village_name_or_way_of_naming_is_another_citizen() -> None:
    refs = {
        guidance.ref_by_name(KEY, "Nguyễn Thị Hòa", 1960, "Thôn Đông"),
        guidance.ref_by_name(KEY, "Nguyễn Thị Hòa", 1961, "Thôn Đông"),
        guidance.ref_by_name(KEY, "Nguyễn Thị Hòa", 1960, "Thôn Tây"),
        guidance.ref_by_name(KEY, "Nguyễn Thị Hoa Mai", 1960, "Thôn Đông"),
        guidance.ref_by_phone(KEY, "012345678901"),
        guidance.ref_by_identity(KEY, "012345678901"),
    }
    assert len(refs) == 6


def test_a_citizen_is_a_short_text_that_depends_on_the_key() -> None:
    ref = guidance.ref_by_phone(KEY, "0901234567")
    assert len(ref) == 22
    assert "901234567" not in ref
    assert guidance.ref_by_phone(KEY + "!", "0901234567") != ref
    with pytest.raises(ValueError, match="PHONGTRAO_CITIZEN_KEY"):
        guidance.ref_by_phone("short", "0901234567")


@given(st.from_regex(r"0[0-9]{9}", fullmatch=True), st.data())
def test_separators_and_the_country_s_number_never_change_who_it_is(number: str, data: st.DataObject) -> None:
    signs = data.draw(st.lists(st.sampled_from(["", " ", ".", "-"]), min_size=9, max_size=9))
    spread = "".join(d + s for d, s in zip(number[1:], signs, strict=True)).strip(" .-")
    prefix = data.draw(st.sampled_from(["0", "+84", "+84 ", "0084 "]))
    if number[1] == "0":  # no number of the country: nothing to be told apart
        return
    assert guidance.phone_digits(prefix + spread) == number
