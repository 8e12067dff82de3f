"""A reform is taken back with all that happened since: teams that came later go to a predecessor, nothing is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from typing import Any

import pytest

from shared.contracts import history
from shared.contracts.history import TeamPlace
from shared.contracts.registry import TeamDisbanded, TeamFormed, TeamReassigned, TeamRenamed
from tests.service.reforms import (
    CA_DAM,
    CHOICES,
    JULY,
    LY_SON,
    OWN,
    TAY_TRA_BONG,
    TRA_BUI,
    V1,
    V2,
    World,
    found_team,
    villages_merge,
    world,
)
from tests.support.servers import Nats, Postgres
from tests.support.stack import nats_config
from tests.support.world import a_member, ok, refused

ELSEWHERE, NGHIA_AN, NGHIA_PHU, AN_PHU = "21412", "21262", "21253", "21262-2501"
TRA_BONG = "525"
MERGED = "v-21142-3"
REVERSE = "/registry/reforms/{}/reverse"
DAYS = (date(2024, 1, 1), date(2025, 1, 1), date(2025, 3, 1), date(2025, 6, 30), JULY, date(2025, 7, 20))


@pytest.fixture
async def here(postgres: Postgres, fresh_nats: Callable[..., Awaitable[Nats]]) -> AsyncIterator[World]:
    async with world(postgres, await fresh_nats(nats_config()), TRA_BUI, V1, V2, NGHIA_AN, LY_SON) as made:
        yield made


async def preview(here: World, reform_id: str, **choices: str) -> dict[str, Any]:
    body = {"choices": {"teams": choices}}
    return await ok(here.officer.post(f"{REVERSE.format(reform_id)}/preview", json=body), 200)


async def reverse(here: World, reform_id: str, **choices: str) -> dict[str, Any]:
    body = {"choices": {"teams": choices}}
    return await ok(here.officer.post(REVERSE.format(reform_id), json=body), 201)


async def agree(here: World) -> None:
    """Who reads the events alone has each team at one place a day, which is registry's."""
    rows: dict[tuple[str, date], TeamPlace] = {}
    for event in await here.running.log("registry"):
        if not isinstance(event, TeamFormed | TeamReassigned):
            continue
        for row in history.team_places(event, lambda team_id, day: rows.get((team_id, day))):
            rows[row[:2]] = row
    for day in DAYS:
        there = [r for r in rows.values() if r.valid_from <= day and (r.valid_to is None or day < r.valid_to)]
        assert len(there) == len({r.team_id for r in there})
        for row in there:
            at = await here.place(row.team_id, day)
            assert (row.unit_id, row.level, row.village_id) == (at.unit_id, at.level, at.village_id), (row, day)
    for day in DAYS:
        known = {u.unit_id for u in await here.map(day)} | {u.unit_id for u in await here.map(day, "62")}
        held = f"known_to is null and valid_from <= '{day}' and (valid_to is null or valid_to > '{day}')"
        assert {unit_id for (unit_id,) in await here.ask(f"select unit_id from team_place where {held}")} <= known


async def test_a_reform_that_there_is_not_is_not_taken_back(here: World) -> None:
    for path in (REVERSE, REVERSE + "/preview"):
        refused(await here.officer.post(path.format("none")), 404, "no_such_reform", "reform_id")


async def test_a_team_formed_since_at_a_unit_with_one_predecessor_goes_there_by_itself(here: World) -> None:
    await here.execute(edition="2025-01")
    await here.execute(edition="2025-07", choices=CHOICES)
    await found_team(here.officer, LY_SON, "new", level="commune", formed_on="2025-07-15")
    seen = await preview(here, "2025-07")
    assert seen["questions"] == []
    assert [(m["origin"]["name"], m["target"]["name"], m["team_ids"]) for m in seen["moves"]] == [
        ("Xã An Phú", "Xã An Phú", [f"t-{NGHIA_AN}"]),
        ("Xã Cà Đam", "Xã Trà Bùi", [f"t-{TRA_BUI}", f"t-{V1}"]),
        ("Xã Tây Trà Bồng", "Xã Trà Bùi", [f"t-{V2}"]),
        ("Đặc khu Lý Sơn", "Huyện Lý Sơn", [f"t-{LY_SON}", "t-new"]),
    ]
    assert (seen["teams"], seen["members"], seen["restored"], seen["removed"]) == (6, 6, 298, 90)
    before = await here.ask("select count(*) from log")
    assert (await reverse(here, "2025-07"))["teams"] == 6
    assert await here.ask("select count(*) from log") > before
    place = await here.place("t-new", date(2025, 7, 20))
    assert (place.unit_id, place.level, place.district_id, place.commune_id) == (LY_SON, "commune", LY_SON, None)
    told = await ok(here.officer.get("/registry/teams/t-new"))
    assert [h["what"] for h in told["history"]] == ["formed", "taken_back", "joined"]
    await agree(here)


async def test_where_a_unit_had_several_predecessors_somebody_says_which(here: World) -> None:
    await here.execute(edition="2025-01")
    await found_team(here.officer, AN_PHU, "new", formed_on="2025-02-01")
    [asked] = (await preview(here, "2025-01"))["questions"]
    assert (asked["field"], asked["name"], asked["unit"]["name"]) == ("choices.teams.t-new", "Tổ", "Xã An Phú")
    assert [c["unit_id"] for c in asked["candidates"]] == [NGHIA_PHU, NGHIA_AN]
    answer = await here.officer.post(REVERSE.format("2025-01"))
    refused(answer, 422, "choice_missing", "choices.teams.t-new")
    for path in (REVERSE, REVERSE + "/preview"):
        astray = await here.officer.post(path.format("2025-01"), json={"choices": {"teams": {"t-new": TRA_BUI}}})
        refused(astray, 422, "not_a_candidate", "choices.teams.t-new")
        closed = await here.officer.post(path.format("2025-01"), json={"choices": {"teams": {OWN: TRA_BUI}}})
        refused(closed, 422, "choice_not_open", f"choices.teams.{OWN}")
        odd = await here.officer.post(path.format("2025-01"), json={"choices": {"teams": {"a b": TRA_BUI}}})
        assert refused(odd, 422, "invalid_data", odd.json()["errors"][0]["field"])
    assert (await here.place("t-new", date(2025, 3, 1))).unit_id == AN_PHU, "nothing half taken back"
    chosen = await preview(here, "2025-01", **{"t-new": NGHIA_AN})
    assert (chosen["questions"], chosen["teams"]) == ([], 2)
    done = await reverse(here, "2025-01", **{"t-new": NGHIA_AN})
    assert (await here.place("t-new", date(2025, 3, 1))).unit_id == NGHIA_AN
    assert await reverse(here, "2025-01", **{"t-new": NGHIA_AN}) == done, "a second time: the first answer"
    other = await here.officer.post(REVERSE.format("2025-01"))
    refused(other, 409, "same_id_other_content", "reform_id")
    gone = await here.officer.post(f"{REVERSE.format('2025-01')}/preview")
    refused(gone, 409, "reversed_already", "reform_id")
    await agree(here)


async def test_each_place_that_is_open_is_asked_for(here: World) -> None:
    await here.execute(edition="2025-01")
    await found_team(here.officer, AN_PHU, "new", formed_on="2025-02-01")
    for unit_id, day in ((ELSEWHERE, "2025-03-10"), (AN_PHU, "2025-04-10")):
        move = {"unit_id": unit_id, "level": "commune", "effective_on": day}
        await ok(here.officer.post("/registry/teams/t-new/move", json=move))
    first = "t-new@2025-02-01"
    fields = [q["field"] for q in (await preview(here, "2025-01"))["questions"]]
    assert fields == [f"choices.teams.{first}", "choices.teams.t-new"]
    await reverse(here, "2025-01", **{first: NGHIA_PHU, "t-new": NGHIA_AN})
    days = (date(2025, 3, 1), date(2025, 4, 1), date(2025, 5, 1))
    assert [(await here.place("t-new", day)).unit_id for day in days] == [NGHIA_PHU, ELSEWHERE, NGHIA_AN]
    await agree(here)


async def test_what_people_did_with_a_team_since_stays(here: World) -> None:
    """Moved away, renamed, joined, left, disbanded, merged: all stays on record, only the places differ."""
    await here.execute(edition="2025-01")
    await here.execute(plan=villages_merge())
    officer = here.officer
    move = {"unit_id": ELSEWHERE, "level": "commune", "effective_on": "2025-04-01"}
    await ok(officer.post(f"/registry/teams/t-{V1}/move", json=move))
    await ok(officer.post(f"/registry/teams/t-{V1}/rename", json={"name": "Tổ mới", "effective_on": "2025-04-02"}))
    joined = a_member(member_id="m-late", joined_on="2025-04-03")
    await ok(officer.post(f"/registry/teams/t-{V1}/members", json=joined), 201)
    await found_team(officer, MERGED, "new", village="Thôn Chung", formed_on="2025-05-01")
    into = {"into_team_id": "t-new", "effective_on": "2025-06-01", "leader_id": "m-new"}
    await ok(officer.post(f"/registry/teams/t-{V2}/merge", json=into))
    people = await here.ask("select member_id, team_id, joined_on, left_on from membership order by 1, 2, 3")
    names = await here.ask("select team_id, name, disbanded_on, into_team_id from team order by 1")
    assert len(people) == 5 + 1 + 1 + 1
    await reverse(here, "r-villages", **{"t-new": V2})
    assert await here.ask("select member_id, team_id, joined_on, left_on from membership order by 1, 2, 3") == people
    assert await here.ask("select team_id, name, disbanded_on, into_team_id from team order by 1") == names
    assert (await here.place(f"t-{V1}", date(2025, 3, 15))).village_id == V1
    assert (await here.place(f"t-{V1}", date(2025, 5, 1))).unit_id == ELSEWHERE
    assert [(await here.place(t, date(2025, 5, 15))).village_id for t in (f"t-{V2}", "t-new")] == [V2, V2]
    log = await here.running.log("registry")
    assert len([e for e in log if isinstance(e, TeamRenamed | TeamDisbanded)]) == 2
    await agree(here)


async def test_a_reform_comes_again_after_its_reversal_and_teams_move_on(here: World) -> None:
    for reform_id in ("2025-01", "b", "c"):
        await here.execute(edition="2025-01", reform_id=reform_id)
        assert (await here.place(f"t-{NGHIA_AN}", JULY)).unit_id == AN_PHU
        await agree(here)
        await here.reverse(reform_id)
        assert (await here.place(f"t-{NGHIA_AN}", JULY)).unit_id == NGHIA_AN
        await agree(here)
    move = {"unit_id": ELSEWHERE, "level": "commune", "effective_on": "2025-06-01"}
    await ok(here.officer.post(f"/registry/teams/t-{NGHIA_AN}/move", json=move))
    await agree(here)
    told = await ok(here.officer.get(f"/registry/teams/t-{NGHIA_AN}"))
    assert [h["unit_id"] for h in told["history"] if h["what"] == "moved"] == [ELSEWHERE]


async def test_units_that_are_newer_stand_in_the_way_and_are_named(here: World) -> None:
    await here.execute(edition="2025-01")
    await here.execute(edition="2025-07", choices=CHOICES)
    for path in (REVERSE, REVERSE + "/preview"):
        problem = refused(await here.officer.post(path.format("2025-01")), 422, "newer_state", "reform_id")
        assert "21238-2501" in str(problem["errors"])
        assert "Make a new decision" in problem["messages"]["en"]
    assert {CA_DAM, TAY_TRA_BONG} <= {u.unit_id for u in await here.map(JULY)}


async def test_a_place_that_the_reform_is_not_about_stays_as_it_is_though_its_unit_changed_since(here: World) -> None:
    await here.execute(plan=villages_merge())
    elsewhere = next(u for u in await here.map(date(2025, 5, 1)) if u.unit_id == ELSEWHERE)
    own = {name: getattr(elsewhere, name) for name in ("unit_id", "name", "code", "kind", "level")}
    successor = {"unit": {**own, "parent_id": TRA_BONG}, "predecessors": [{"unit_id": ELSEWHERE}]}
    await here.execute(plan=villages_merge("r-other", "2025-05-01", successors=[successor]))
    move = {"unit_id": ELSEWHERE, "level": "commune", "effective_on": "2025-06-01"}
    await ok(here.officer.post(f"/registry/teams/t-{V1}/move", json=move))
    assert (await here.place(f"t-{V1}", JULY)).district_id == TRA_BONG
    await reverse(here, "r-villages")
    assert (await here.place(f"t-{V1}", date(2025, 5, 1))).village_id == V1
    assert (await here.place(f"t-{V1}", JULY)).district_id == TRA_BONG, "of a unit that changed since"
    await agree(here)
