"""Where teams go in a reform: by village, else to the one successor, else by choice; and back."""

from __future__ import annotations

from datetime import date

import pytest

from services.registry.reform import Choices
from services.registry.reform_checks import must_hold
from services.registry.reform_events import reassigned
from services.registry.reform_reversal import take_back
from services.registry.reform_teams import of_choices
from services.registry.team import TeamPlace
from shared import errors
from shared.contracts.reform import Level, MoveReason
from tests.unit.registry.reforms import DAY, history, moved, old_map, plan, prepared, state, successor, team, undoing
from tests.unit.registry.test_reform import MERGER, NO_DISTRICTS, SPLIT

OLD = old_map()
VILLAGES = {"111": "1a", "112": "1b"}


def ends(places: list[TeamPlace]) -> dict[str, tuple[str, str | None, str | None, str | None]]:
    return {p.team_id: (p.unit_id, p.village_id, p.district_id, p.commune_id) for p in places}


def test_teams_of_merged_communes_belong_to_the_new_one() -> None:
    result = moved(
        prepared(MERGER), team("a", OLD["11"]), team("b", OLD["12"], village=OLD["121"]), team("c", OLD["13"])
    )
    assert ends([m.after for m in result.moves]) == {"a": ("11n", None, "1", "11n"), "b": ("11n", "121", "1", "11n")}
    assert {m.after.valid_from for m in result.moves} == {DAY}


def test_teams_of_a_split_commune_follow_their_villages_and_the_others_wait_for_a_choice() -> None:
    places = [team("a", OLD["11"]), team("b", OLD["11"], village=OLD["111"]), team("c", OLD["11"], village=OLD["112"])]
    result = moved(prepared(SPLIT, Choices(villages=VILLAGES)), *places)
    assert ends([m.after for m in result.moves]) == {"b": ("1a", "111", "1", "1a"), "c": ("1b", "112", "2", "1b")}
    assert [(q.field, q.candidates) for q in result.questions] == [("choices.teams.a", ("1a", "1b"))]
    chosen = moved(prepared(SPLIT, Choices(villages=VILLAGES)), *places, choices=Choices(teams={"a": "1b"}))
    assert ends([m.after for m in chosen.moves])["a"] == ("1b", None, "2", "1b")
    assert chosen.questions == ()


def test_a_team_waits_for_its_village() -> None:
    result = moved(prepared(SPLIT), team("b", OLD["11"], village=OLD["111"]))
    assert result == ((), ())


def test_a_team_of_a_village_known_by_name_only_is_asked_for() -> None:
    named = team("b", OLD["11"], level=Level.VILLAGE)._replace(village="Thôn Hạ")
    result = moved(prepared(SPLIT, Choices(villages=VILLAGES)), named)
    assert [q.subject_id for q in result.questions] == ["b"]


def test_a_districts_own_team_goes_to_the_heir_and_becomes_a_communes() -> None:
    (move,) = moved(prepared(NO_DISTRICTS), team("d", OLD["1"])).moves
    assert (move.after.unit_id, move.after.level, move.after.district_id, move.after.commune_id) == (
        "n1", Level.COMMUNE, None, "n1",
    )  # fmt: skip


def test_a_districts_own_team_may_be_sent_to_another_commune_of_the_district() -> None:
    result = prepared(NO_DISTRICTS)
    (move,) = moved(result, team("d", OLD["1"]), choices=Choices(teams={"d": "13"})).moves
    assert move.after.unit_id == "13"
    for elsewhere in ("21", "51", "nowhere"):
        with pytest.raises(errors.Problem) as refused:
            must_hold(of_choices(result, [team("d", OLD["1"])], Choices(teams={"d": elsewhere})))
        assert (refused.value.slug, refused.value.fields[0].field) == ("not_a_candidate", "choices.teams.d")


def test_teams_at_a_district_that_becomes_a_commune_stay_there() -> None:
    places = [team("d", OLD["3"]), team("c", OLD["3"], level=Level.COMMUNE), team("v", OLD["3"], village=OLD["301"])]
    after = {m.after.team_id: m.after for m in moved(prepared(NO_DISTRICTS), *places).moves}
    assert {p.unit_id for p in after.values()} == {"3"}
    assert {t: p.level for t, p in after.items()} == {"d": Level.COMMUNE, "c": Level.COMMUNE, "v": Level.VILLAGE}
    assert {(p.district_id, p.commune_id) for p in after.values()} == {(None, "3")}


def test_a_team_at_a_merged_village_gets_the_new_one() -> None:
    reform = plan(successor(state("111n", Level.VILLAGE, "11", code="", name="Thôn Mới"), "111", "112"))
    (move,) = moved(prepared(reform), team("v", OLD["11"], village=OLD["111"])).moves
    assert (move.after.unit_id, move.after.village_id, move.after.village) == ("11", "111n", "Thôn Mới")


def test_a_place_that_begins_after_the_effective_day_is_replaced_from_its_own_first_day() -> None:
    later = team("a", OLD["11"])._replace(valid_from=date(2025, 8, 1))
    (move,) = moved(prepared(MERGER), later).moves
    assert (move.before.valid_from, move.after.valid_from, move.after.unit_id) == (
        date(2025, 8, 1),
        date(2025, 8, 1),
        "11n",
    )


@pytest.mark.parametrize(("team_id", "unit_id"), [("a", "1a"), ("nobody", "1a"), ("v", "1b")])
def test_a_choice_where_nothing_is_open_is_refused(team_id: str, unit_id: str) -> None:
    places = [team("a", OLD["13"]), team("v", OLD["11"], village=OLD["111"])]
    with pytest.raises(errors.Problem) as refused:
        must_hold(of_choices(prepared(SPLIT, Choices(villages=VILLAGES)), places, Choices(teams={team_id: unit_id})))
    assert (refused.value.slug, refused.value.fields[0].field) == ("choice_not_open", f"choices.teams.{team_id}")


def test_the_events_of_moves_and_of_their_way_back() -> None:
    moves = moved(prepared(MERGER), team("a", OLD["11"])).moves
    (there,) = reassigned(moves, "r1", MoveReason.REFORM)
    assert (there.from_unit_id, there.unit_id, there.since, there.effective_on) == ("11", "11n", date(2023, 7, 28), DAY)
    back = take_back(undoing(prepared(MERGER), moves), [history(moves[0].before, moves[0].after)], {})
    (again,) = reassigned(back.moves, "r1", MoveReason.REVERSAL)
    assert (again.from_unit_id, again.unit_id, again.since, again.effective_on) == ("11n", "11", DAY, DAY)
    assert (again.district_id, again.commune_id, again.level) == ("1", "11", Level.COMMUNE)
