"""Who guided one citizen: what a further or a withdrawn guidance changes in the distinct counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporting.projections import visits
from services.reporting.projections.visits import Change, Visit, Visits

AN = Visit("an", "T1", "C1", "D1", 1, 1)
BINH = Visit("binh", "T1", "C1", "D1", 1, 1)
CHI = Visit("chi", "T2", "C2", "D1", 1, 1)
DUNG = Visit("dung", "T3", "C3", "D2", 1, 1)
LATE = AN._replace(in_window=0)


def after(*steps: tuple[Visit, int]) -> tuple[Visits, Change]:
    """What is left after these steps, and the change that the last of them made."""
    found: Visits = ()
    change = Change(0, 0, 0, 0, 0)
    for at, by in steps:
        found, change = visits.apply(found, at, by)
    return found, change


def test_a_citizens_first_guidance_counts_everywhere() -> None:
    assert after((AN, 1)) == ((AN,), Change(1, 1, 1, 1, 1))


def test_the_same_member_again_is_a_session_more_and_no_citizen_more() -> None:
    assert after((AN, 1), (AN, 1)) == ((AN._replace(sessions=2, in_window=2),), Change(0, 0, 0, 0, 0))


def test_another_member_of_the_unit_has_one_more_the_unit_has_not() -> None:
    assert after((AN, 1), (BINH, 1))[1] == Change(1, 1, 0, 0, 0)


def test_another_unit_of_the_district_has_one_more_the_district_has_not() -> None:
    assert after((AN, 1), (CHI, 1))[1] == Change(1, 1, 1, 0, 0)


def test_another_district_has_one_more_the_province_has_not() -> None:
    assert after((AN, 1), (DUNG, 1))[1] == Change(1, 1, 1, 1, 0)


def test_the_same_member_on_another_team_finds_the_citizen_counted() -> None:
    other_team = AN._replace(team_id="T2", unit_id="C2")
    assert after((AN, 1), (other_team, 1))[1] == Change(0, 0, 1, 0, 0)
    assert after((AN, 1), (other_team, 1), (AN, -1)) == ((other_team,), Change(0, 0, -1, 0, 0))


def test_outside_the_window_a_citizen_counts_but_not_for_the_quota() -> None:
    assert after((LATE, 1)) == ((LATE,), Change(1, 0, 1, 1, 1))
    assert after((LATE, 1), (AN, 1))[1] == Change(0, 1, 0, 0, 0)


def test_withdrawing_one_of_two_changes_no_count() -> None:
    assert after((AN, 1), (AN, 1), (AN, -1)) == ((AN,), Change(0, 0, 0, 0, 0))


def test_withdrawing_the_last_in_the_window_takes_the_quota_back_and_nothing_else() -> None:
    assert after((AN, 1), (LATE, 1), (AN, -1)) == ((LATE,), Change(0, -1, 0, 0, 0))


def test_withdrawing_the_last_of_all_takes_everything_back() -> None:
    assert after((AN, 1), (AN, -1)) == ((), Change(-1, -1, -1, -1, -1))


def test_withdrawing_takes_back_only_what_nobody_else_made_count() -> None:
    assert after((AN, 1), (BINH, 1), (AN, -1)) == ((BINH,), Change(-1, -1, 0, 0, 0))
    assert after((AN, 1), (CHI, 1), (AN, -1)) == ((CHI,), Change(-1, -1, -1, 0, 0))
    assert after((AN, 1), (DUNG, 1), (AN, -1)) == ((DUNG,), Change(-1, -1, -1, -1, 0))


@pytest.mark.parametrize(
    "steps",
    [
        [(AN, -1)],
        [(AN, 1), (BINH, -1)],
        [(AN, 1), (AN, -1), (AN, -1)],
        [(LATE, 1), (AN, -1)],
        [(AN, 1), (LATE, -1)],
        [(AN, 1), (AN._replace(unit_id="C2"), -1)],
        [(AN, 1), (AN._replace(team_id="T2"), -1)],
    ],
)
def test_what_was_never_counted_cannot_be_withdrawn(steps: list[tuple[Visit, int]]) -> None:
    with pytest.raises(LookupError, match="never counted"):
        after(*steps)


@given(st.lists(st.sampled_from([AN, BINH, CHI, DUNG, LATE]), max_size=12), st.randoms(use_true_random=False))
def test_the_text_of_the_row_holds_everything_in_one_order(steps: list[Visit], chance: object) -> None:
    shuffled = sorted(steps, key=lambda _: chance.random())  # type: ignore[attr-defined]
    one, other = after(*((s, 1) for s in steps))[0], after(*((s, 1) for s in shuffled))[0]
    assert visits.write(one) == visits.write(other)
    assert set(visits.read(visits.write(one))) == set(one)


def test_no_row_means_no_visits() -> None:
    assert visits.read(None) == ()
    assert visits.read(visits.write(())) == ()
