"""Rules of people's data: who may reach whom, what may be read and written, until when a request is answered."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime, timedelta

import pytest

from services.registry.holidays import FILE, public_holidays
from services.registry.person import (
    Held,
    Person,
    Place,
    Why,
    due,
    may_read_for,
    must_reach,
    reading_refused,
    writable,
)
from shared.auth import Caller, Role
from shared.clock import VIETNAM
from shared.errors import Problem

TODAY = date(2023, 7, 30)
AT = ("51", TODAY)
ON_TEAM = Place("t1", ("21400", "21400", "533"), None)
BEFORE = Place("t2", ("21403", "21403", "534"), date(2023, 7, 29))
CONTACT = Place(None, ("536", None, "536"), None)


def caller(*roles: Role, units: tuple[str, ...] = (), member_id: str | None = None, team: str | None = None) -> Caller:
    return Caller("s", frozenset(roles), units, member_id, team)


OFFICER, LEADER = Role.DISTRICT_OFFICER, Role.TEAM_LEADER


@pytest.mark.parametrize(
    ("who", "places", "reaches"),
    [
        (caller(OFFICER, units=("533",)), [ON_TEAM], True),
        (caller(OFFICER, units=("21400",)), [ON_TEAM, BEFORE], True),
        (caller(OFFICER, units=("51",)), [ON_TEAM], True),
        (caller(OFFICER, units=("51",)), [], True),
        (caller(OFFICER, units=("536",)), [CONTACT], True),
        (caller(OFFICER, units=("534",)), [ON_TEAM], False),
        (caller(OFFICER, units=("534",)), [ON_TEAM, BEFORE], False),  # where the person was is no longer a place
        (caller(OFFICER, units=("534",)), [BEFORE], True),  # unless there is none: somebody must answer for the data
        (caller(OFFICER, units=("534",)), [BEFORE._replace(last_day=TODAY), ON_TEAM], True),  # the last day counts
        (caller(OFFICER, units=()), [], False),
        (caller(LEADER, team="t1"), [ON_TEAM], True),
        (caller(LEADER, team="t2"), [ON_TEAM], False),
        (caller(LEADER, team="t2"), [BEFORE], False),  # a leader has no business with those who left
        (caller(LEADER, units=("533",)), [ON_TEAM], False),
        (caller(LEADER), [CONTACT], False),
        (caller(Role.MEMBER, units=("51",), member_id="m1"), [], True),
        (caller(Role.MEMBER, units=("51",), member_id="m2"), [ON_TEAM], False),
        (caller(Role.OPERATOR, units=("51",)), [ON_TEAM], False),
    ],
)
def test_who_reaches_whom(who: Caller, places: list[Place], reaches: bool) -> None:
    if reaches:
        must_reach(who, "m1", places, AT)
        return
    with pytest.raises(Problem) as refused:
        must_reach(who, "m1", places, AT)
    assert (refused.value.status, refused.value.fields[0].field) == (403, "member_id")


def test_a_legal_duty_is_the_provinces_and_a_withdrawn_basis_is_said() -> None:
    may_read_for(caller(Role.PROVINCE_OFFICER), Why.LEGAL_DUTY)
    may_read_for(caller(OFFICER), Why.CALL)
    with pytest.raises(Problem) as refused:
        may_read_for(caller(OFFICER, Role.OPERATOR), Why.LEGAL_DUTY)
    assert (refused.value.status, refused.value.fields[0].field) == (403, "why")
    assert reading_refused().status == 403


def test_erased_is_never_written_and_withdrawn_only_on_a_new_basis() -> None:
    person = Person("m1", "Nguyễn Thị An")
    held, withdrawn = Held(person, None), Held(person, datetime(2023, 7, 30, tzinfo=UTC))
    for there, erased, renewed in ((None, False, False), (held, False, False), (withdrawn, False, True)):
        writable(there, erased=erased, renewed=renewed)
    for there, erased, renewed, slug in (
        (None, True, True, "person_erased"), (held, True, False, "person_erased"),
        (withdrawn, False, False, "basis_withdrawn"),
    ):  # fmt: skip
        with pytest.raises(Problem) as refused:
            writable(there, erased=erased, renewed=renewed)
        assert (refused.value.status, refused.value.slug) == (409, slug)
        assert "An" not in str(refused.value.detail)


# -- the clock --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("received", "answered_before"),
    [
        ("2023-07-24 09:00", "2023-07-27"),  # Monday: Tuesday and Wednesday
        ("2023-07-27 23:59", "2023-08-01"),  # Thursday: Friday and Monday
        ("2023-07-28 16:00", "2023-08-02"),  # Friday: Monday and Tuesday
        ("2023-07-29 08:00", "2023-08-02"),  # Saturday
        ("2023-08-31 10:00", "2023-09-07"),  # National Day: 1, 2 and 4 September are off
        ("2024-02-07 10:00", "2024-02-17"),  # Tết from 8 to 14 February
        ("2024-05-03 10:00", "2024-05-07"),  # 4 May, a Saturday, is worked
        ("2025-04-29 10:00", "2025-05-07"),  # 30 April to 2 May are off
        ("2026-08-20 10:00", "2026-08-23"),  # 22 August, a Saturday, is worked
        ("2026-11-20 10:00", "2026-11-25"),
        ("2031-01-31 10:00", "2031-02-05"),  # a year that no file knows: weekends only
    ],
)
def test_a_request_is_answered_by_the_end_of_the_second_working_day(received: str, answered_before: str) -> None:
    at = datetime.fromisoformat(received).replace(tzinfo=VIETNAM)
    assert due(at, *public_holidays()) == datetime.fromisoformat(answered_before).replace(tzinfo=VIETNAM)


def test_the_day_is_that_of_vietnam() -> None:
    late_on_thursday = datetime(2023, 7, 27, 17, 30, tzinfo=UTC)  # Friday, half past midnight
    assert due(late_on_thursday, ()) == datetime(2023, 8, 2, tzinfo=VIETNAM)


def test_the_file_of_holidays_lists_each_day_once_and_no_weekend_as_off() -> None:
    with FILE.open(encoding="utf-8", newline="") as rows:
        listed = [(date.fromisoformat(row["day"]), row["kind"]) for row in csv.DictReader(rows)]
    assert listed == sorted(set(listed))
    assert {kind for _, kind in listed} == {"off", "worked"}
    assert all((day.weekday() < 5) == (kind == "off") for day, kind in listed)
    by_year = {year: sum(day.year == year and kind == "off" for day, kind in listed) for year in range(2023, 2027)}
    assert by_year == {2023: 11, 2024: 12, 2025: 12, 2026: 12}
    exchanged = {day for day, kind in listed if kind == "worked"}
    assert len(exchanged) == 3
    assert all(any(abs(day - other) <= timedelta(days=9) for other, kind in listed if kind == "off")
               for day in exchanged)  # fmt: skip
