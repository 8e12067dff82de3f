"""Both reforms of 2025 on the real servers, with teams everywhere: previewed, executed, taken back, refused, killed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.registry import editions
from services.registry.reform import state
from shared import faults
from shared.auth import Role
from shared.contracts.reform import Change, MoveReason, UnitState
from shared.contracts.registry import ReorganisationReversed, TeamReassigned, UnitEstablished, UnitsReorganised
from tests.service.reforms import (
    CA_DAM,
    CHOICES,
    DONG_SON,
    JANUARY,
    JULY,
    LY_SON,
    OWN,
    TAY_TRA_BONG,
    TRA_BUI,
    V1,
    V2,
    World,
    of_2023,
    villages_merge,
    world,
)
from tests.support.processes import Processes
from tests.support.servers import Nats, Postgres
from tests.support.stack import nats_config
from tests.support.world import a_team, ok, refused

BEFORE_JULY = date(2025, 6, 30)


@pytest.fixture(scope="module")
async def reformed(postgres: Postgres, guarded_nats: Nats) -> AsyncIterator[World]:
    """A team at every district and commune of 2023 and at Trà Bùi's villages, through both reforms."""
    async with world(postgres, guarded_nats, *of_2023()) as here:
        assert (await here.execute(edition="2025-01"))["established"] == 3
        await here.execute(edition="2025-07", choices=CHOICES)
        yield here


@pytest.fixture
async def small(postgres: Postgres, fresh_nats: Callable[..., Awaitable[Nats]]) -> AsyncIterator[World]:
    """Teams at Trà Bùi, its villages, Trà Bồng and Lý Sơn; no reform yet."""
    async with world(postgres, await fresh_nats(nats_config()), TRA_BUI, V1, V2, "525", LY_SON) as here:
        yield here


# -- through both reforms ---------------------------------------------------------------------------------------------


async def test_the_maps_of_three_days_are_the_editions(reformed: World) -> None:
    for edition, day, communes in (("2023", date(2024, 12, 31), 173), ("2025-01", JANUARY, 170), ("2025-07", JULY, 96)):
        here = [u for u in await reformed.map(day) if u.level != "village"]
        assert {u.unit_id: state(u) for u in here} == {u.unit_id: state(u) for u in editions.units(edition)}
        listed = await ok(reformed.officer.get("/registry/units", params={"on": str(day), "level": "commune"}))
        assert listed["total"] == communes


async def test_kon_tum_is_a_province_of_its_own_until_it_joins(reformed: World) -> None:
    levels = Counter(u.level for u in await reformed.map(BEFORE_JULY, "62"))
    assert levels == {"province": 1, "district": 10, "commune": 102}
    assert await reformed.map(JULY, "62") == []
    told = [e for e in await reformed.running.log("registry", UnitEstablished) if isinstance(e, UnitEstablished)]
    assert len([e for e in told if e.edition == "" and e.level != "village"]) == 113


async def test_every_team_is_at_a_unit_in_force_on_every_day(reformed: World) -> None:
    for day in (date(2023, 8, 1), JANUARY, BEFORE_JULY, JULY, date(2025, 12, 31)):
        in_force = {u.unit_id: u for u in await reformed.map(day)}
        rows = await reformed.ask(
            "select team_id, unit_id, district_id, commune_id from team_place where known_to is null"
            f" and valid_from <= '{day}' and (valid_to is null or valid_to > '{day}')"
        )
        assert len(rows) == len({r[0] for r in rows}) == 13 + 173 + 2
        for _, unit_id, district_id, commune_id in rows:
            assert (district_id, commune_id) == (in_force[unit_id].district_id, in_force[unit_id].commune_id)


async def test_tra_bui_is_split_by_village_and_its_own_team_by_choice(reformed: World) -> None:
    places = {team_id: await reformed.place(team_id, JULY) for team_id in (OWN, f"t-{V1}", f"t-{V2}")}
    assert {t: (p.unit_id, p.village_id) for t, p in places.items()} == {
        OWN: (CA_DAM, None), f"t-{V1}": (CA_DAM, V1), f"t-{V2}": (TAY_TRA_BONG, V2),
    }  # fmt: skip
    assert {(await reformed.place(t, BEFORE_JULY)).unit_id for t in places} == {TRA_BUI}


async def test_dong_son_gathers_the_teams_of_two_districts(reformed: World) -> None:
    there = {i.predecessor_id for i in editions.lineage("2025-07") if i.successor_id == DONG_SON}
    places = [await reformed.place(f"t-{unit_id}", JULY) for unit_id in there]
    assert {p.unit_id for p in places} == {DONG_SON}
    before = [await reformed.place(f"t-{unit_id}", BEFORE_JULY) for unit_id in there]
    assert {p.district_id for p in before} == {"522", "524"}


async def test_ly_son_becomes_a_commune_and_keeps_its_team(reformed: World) -> None:
    before, after = [await reformed.place(f"t-{LY_SON}", day) for day in (BEFORE_JULY, JULY)]
    assert (before.unit_id, before.level, before.district_id) == (LY_SON, "district", LY_SON)
    assert (after.unit_id, after.level, after.district_id, after.commune_id) == (LY_SON, "commune", None, LY_SON)


async def test_a_districts_own_team_is_at_the_commune_of_its_seat(reformed: World) -> None:
    for district, heir in editions.decision("2025-07").heirs.items():
        if district.startswith("5"):
            place = await reformed.place(f"t-{district}", JULY)
            assert (place.unit_id, place.level, place.commune_id) == (heir, "commune", heir)


async def test_a_reform_is_one_event_and_one_more_for_each_team_right_behind(reformed: World) -> None:
    log = await reformed.running.log("registry")
    at = [n for n, e in enumerate(log) if isinstance(e, UnitsReorganised)]
    july = log[at[1]]
    assert isinstance(july, UnitsReorganised)
    assert (july.reform_id, july.edition, july.effective_on, len(at)) == ("2025-07", "2025-07", JULY, 2)
    moved = [e for e in log[at[1] + 1 :] if isinstance(e, TeamReassigned)]
    assert log[at[1] + 1 :] == moved, "nothing else follows"
    assert len(moved) == len({e.team_id for e in moved}) == 13 + 173 + 2
    assert {(e.reason, e.reform_id, e.effective_on) for e in moved} == {(MoveReason.REFORM, "2025-07", JULY)}
    names = {c.unit.name for c in july.changes if c.change is Change.ABOLISHED}
    assert {"Xã Trà Bùi", "Tỉnh Kon Tum", "Thành phố Quảng Ngãi"} <= names


async def test_what_a_reform_did_is_on_record(reformed: World) -> None:
    listed = await ok(reformed.officer.get("/registry/reforms"))
    assert [(r["reform_id"], r["established"], r["changed"], r["abolished"]) for r in listed["items"]] == [
        ("2025-01", 3, 1, 6), ("2025-07", 90, 8, 290),
    ]  # fmt: skip
    assert {"units", "transitions", "heirs", "moves"}.isdisjoint(listed["items"][1]), "a list is short"
    [first] = (page := await ok(reformed.officer.get("/registry/reforms", params={"limit": 1})))["items"]
    assert (first, page["next"], page["total"]) == (listed["items"][0], "2025-01", 2)
    rest = await ok(reformed.officer.get("/registry/reforms", params={"limit": 1, "after": page["next"]}))
    assert (rest["items"], rest["next"]) == (listed["items"][1:], None)
    july = await ok(reformed.officer.get("/registry/reforms/2025-07"))
    assert {name: july[name] for name in listed["items"][1]} == listed["items"][1]
    assert len(july["moves"]) == 188
    assert july["legal_basis"]["number"] == "1677/NQ-UBTVQH15"
    split = {(t["successor_id"], t["part"], t["how"]) for t in july["transitions"] if t["predecessor_id"] == TRA_BUI}
    assert split == {(CA_DAM, "part", "split"), (TAY_TRA_BONG, "part", "split")}
    refused(await reformed.officer.get("/registry/reforms/none"), 404, "no_such_reform", "reform_id")


async def test_a_second_sending_is_the_first_answer_and_does_nothing(reformed: World) -> None:
    end = len(await reformed.running.log("registry"))
    again = await reformed.execute(edition="2025-07", choices=CHOICES)
    assert (again["established"], again["teams"]) == (90, 188)
    assert len(await reformed.running.log("registry")) == end
    other = await reformed.officer.post("/registry/reforms", json={"edition": "2025-07"})
    refused(other, 409, "same_id_other_content", "reform_id")


# -- the preview ------------------------------------------------------------------------------------------------------


async def test_a_preview_asks_what_is_open_and_changes_nothing(small: World) -> None:
    await small.execute(edition="2025-01")
    tables = [await small.ask(f"select count(*) from {t}") for t in ("unit_version", "team_place", "reform", "log")]
    seen = await small.preview(edition="2025-07")
    assert {(q["field"], q["kind"], q["name"]) for q in seen["questions"]} == {
        (f"choices.villages.{V1}", "village", "Thôn 1"), (f"choices.villages.{V2}", "village", "Thôn 2"),
        (f"choices.teams.{OWN}", None, "Tổ"),
    }  # fmt: skip
    assert {tuple(c["name"] for c in q["candidates"]) for q in seen["questions"]} == {("Xã Cà Đam", "Xã Tây Trà Bồng")}
    assert Counter(u["change"] for u in seen["units"]) == {"established": 90, "abolished": 290, "changed": 8}
    assert {(m["origin"]["name"], m["target"]["name"], m["teams"], m["members"]) for m in seen["moves"]} == {
        ("Huyện Lý Sơn", "Đặc khu Lý Sơn", 1, 1), ("Huyện Trà Bồng", "Xã Trà Bồng", 1, 1),
    }  # fmt: skip
    assert [
        await small.ask(f"select count(*) from {t}") for t in ("unit_version", "team_place", "reform", "log")
    ] == tables
    chosen = await small.preview(edition="2025-07", choices=CHOICES)
    assert (chosen["questions"], chosen["teams"], chosen["members"]) == ([], 5, 5)


async def test_open_questions_refuse_the_execution_by_name(small: World) -> None:
    await small.execute(edition="2025-01")
    answer = await small.officer.post("/registry/reforms", json={"edition": "2025-07"})
    assert answer.json()["type"].endswith("choice_missing")
    assert {e["field"] for e in answer.json()["errors"]} == {
        f"choices.villages.{V1}", f"choices.villages.{V2}", f"choices.teams.{OWN}",
    }  # fmt: skip
    wrong = {"edition": "2025-07", "choices": {**CHOICES, "teams": {OWN: DONG_SON}}}
    refused(await small.officer.post("/registry/reforms", json=wrong), 422, "not_a_candidate", f"choices.teams.{OWN}")
    assert await small.ask("select reform_id from reform") == [("2025-01",)]


# -- taking back ------------------------------------------------------------------------------------------------------


async def test_a_reversal_restores_the_map_and_the_teams_as_they_were(small: World) -> None:
    async def known() -> list[Any]:
        known_now = "known_to is null and unit_id not in (select unit_id from unit_version where parent_id = '62' or"
        return [
            await small.ask(
                "select unit_id, valid_from, valid_to, code, name, kind, level, parent_id, district_id, commune_id,"
                f" edition, reform_id from unit_version where {known_now} unit_id = '62' or district_id like '6%')"
                " order by 1, 2"
            ),
            joined(
                await small.ask(
                    "select team_id, unit_id, level, village_id, district_id, commune_id, valid_from, valid_to"
                    " from team_place where known_to is null order by 1, 7"
                )
            ),
            await small.ask("select team_id, unit_id, district_id, commune_id, level from team order by 1"),
        ]

    await small.execute(edition="2025-01")
    before = await known()
    await small.execute(edition="2025-07", choices=CHOICES)
    assert await known() != before
    answer = await small.reverse("2025-07")
    assert await known() == before
    assert (answer["restored"], answer["removed"], answer["teams"]) == (298, 90, 5)
    assert await small.reverse("2025-07") == {**answer, "pos": answer["pos"]}, "a second time: the first answer"
    (told,) = await small.running.log("registry", ReorganisationReversed)
    assert isinstance(told, ReorganisationReversed)
    assert (told.edition, len(told.removed_unit_ids)) == ("2025-01", 90)
    back = [e for e in await small.running.log("registry", TeamReassigned) if getattr(e, "reason", "") == "reversal"]
    assert len(back) == 5


def joined(places: list[Any]) -> list[Any]:
    """A place that goes on where the one before it ends, as one."""
    found: list[Any] = []
    for *where, since, until in places:
        goes_on = bool(found) and found[-1][:-2] == where and found[-1][-1] == since
        found.append([*where, found.pop()[-2] if goes_on else since, until])
    return found


async def test_the_events_alone_tell_the_map_there_and_back(small: World) -> None:
    await small.execute(edition="2025-01")
    await small.execute(edition="2025-07", choices=CHOICES)
    there = await follow(small)
    assert there == {u.unit_id: state(u) for u in await small.map(JULY)}
    await small.reverse("2025-07")
    back = await follow(small)
    again = [*await small.map(JULY), *await small.map(JULY, "62")]
    assert back == {u.unit_id: state(u) for u in again}


async def follow(here: World) -> dict[str, UnitState]:
    """The map as one who reads the events alone has it."""
    found: dict[str, UnitState] = {}
    for event in await here.running.log("registry"):
        if isinstance(event, UnitEstablished):
            found[event.unit_id] = UnitState(**event.model_dump(include=set(UnitState.model_fields)))
        changes = event.changes if isinstance(event, UnitsReorganised) else ()
        for change in changes:
            found[change.unit.unit_id] = change.unit
            if change.change is Change.ABOLISHED:
                del found[change.unit.unit_id]
        if isinstance(event, ReorganisationReversed):
            found |= {c.unit.unit_id: c.unit for c in event.restored}
            for unit_id in event.removed_unit_ids:
                del found[unit_id]
    return found


async def test_a_reform_that_was_taken_back_may_come_again_under_another_id(small: World) -> None:
    await small.execute(edition="2025-01")
    await small.reverse("2025-01")
    assert len([u for u in await small.map(JANUARY) if u.level == "commune"]) == 173
    await small.execute(edition="2025-01", reform_id="2025-01-b")
    assert len([u for u in await small.map(JANUARY) if u.level == "commune"]) == 170


async def test_nothing_is_taken_back_from_under_what_is_newer(small: World) -> None:
    await small.execute(edition="2025-01")
    await small.execute(edition="2025-07", choices=CHOICES)
    january = await small.officer.post("/registry/reforms/2025-01/reverse")
    problem = refused(january, 422, "newer_state", "reform_id")
    assert "21238-2501" in str(problem["errors"])
    village = {"village_id": "v-new", "name": "Thôn mới", "parent_id": CA_DAM, "valid_from": "2025-07-15"}
    await ok(small.officer.post("/registry/villages", json=village), 201)
    july = await small.officer.post("/registry/reforms/2025-07/reverse")
    asked = refused(july, 422, "choice_missing", "choices.villages.v-new")
    assert "Thôn mới" in asked["errors"][0]["message"]["vi"]
    assert len([u for u in await small.map(JULY) if u.level == "commune"]) == 96


# -- villages, rights, refusals ---------------------------------------------------------------------------------------


async def test_a_district_merges_two_villages_and_their_teams_get_the_new_one(small: World) -> None:
    tra_bong = small.running.client(Role.DISTRICT_OFFICER, units=["525"])
    await ok(tra_bong.post("/registry/reforms", json={"plan": villages_merge()}), 201)
    places = [await small.place(f"t-{v}", date(2025, 3, 1)) for v in (V1, V2)]
    assert {(p.unit_id, p.village_id, p.village) for p in places} == {(TRA_BUI, "v-21142-3", "Thôn Chung")}
    await ok(tra_bong.post("/registry/reforms/r-villages/reverse"), 201)
    assert (await small.place(f"t-{V1}", date(2025, 3, 1))).village_id == V1


async def test_officers_of_a_district_reorganise_their_own_villages_only(small: World) -> None:
    body, own = {"plan": villages_merge()}, small.running.client(Role.DISTRICT_OFFICER, units=["525"])
    elsewhere = small.running.client(Role.DISTRICT_OFFICER, units=["524"])
    for path in ("/registry/reforms", "/registry/reforms/preview"):
        refused(await elsewhere.post(path, json=body), 403, "outside_your_unit", "plan")
        refused(await own.post(path, json={"edition": "2025-01"}), 403, "villages_only", "plan")
        leader = small.running.client(Role.TEAM_LEADER, team_id=OWN)
        refused(await leader.post(path, json=body), 403, "role_not_allowed", "Authorization")
        foreign = small.running.client(Role.PROVINCE_OFFICER, units=["62"])
        refused(await foreign.post(path, json=body), 403, "outside_your_unit", "plan")
    await small.execute(edition="2025-01")
    await ok(own.post("/registry/reforms", json=body), 201)
    refused(await elsewhere.post("/registry/reforms/r-villages/reverse"), 403, "outside_your_unit", "reform_id")
    refused(await own.post("/registry/reforms/2025-01/reverse"), 403, "outside_your_unit", "reform_id")


REFUSED: list[tuple[dict[str, Any], int, str, str]] = [
    ({"edition": "2025-07"}, 409, "earlier_edition_first", "edition"),
    ({"edition": "2019"}, 404, "no_such_edition", "edition"),
    ({"edition": "2023"}, 404, "no_such_edition", "edition"),
    ({"plan": villages_merge(effective_on="2026-01-01")}, 422, "in_the_future", "plan.effective_on"),
    ({"plan": villages_merge(effective_on="2019-01-01")}, 422, "predecessor_not_in_force", "plan.successors.0"),
    ({"plan": villages_merge(effective_on="2025-01-01")}, 422, "issued_after_effective_day", "plan.legal_basis"),
    ({"plan": villages_merge(heirs={"533": "nobody"})}, 422, "heir_not_in_force", "plan.heirs.533"),
    ({"plan": villages_merge(heirs={"a b": "533"})}, 422, "invalid_data", "plan.heirs"),
    ({"plan": villages_merge(), "edition": "2025-01"}, 422, "invalid_data", ""),
    ({}, 422, "invalid_data", ""),
]


async def test_what_cannot_be_is_refused_and_leaves_nothing(small: World) -> None:
    for body, status, slug, field in REFUSED:
        answer = await small.officer.post("/registry/reforms", json=body)
        refused(answer, status, slug, answer.json()["errors"][0]["field"])
        assert answer.json()["errors"][0]["field"].startswith(field), answer.text
    assert await small.ask("select 1 from reform") == []
    assert await small.running.log("registry", UnitsReorganised) == []


async def test_a_state_that_is_newer_stands_in_the_way(small: World) -> None:
    await small.execute(edition="2025-01")
    await small.execute(edition="2025-07", choices=CHOICES)
    late = await small.officer.post("/registry/reforms", json={"plan": villages_merge()})
    problem = refused(late, 422, "newer_state", "plan.effective_on")
    assert {V1, V2} <= {i for e in problem["errors"] for i in (V1, V2) if i in e["message"]["vi"]}


# -- one transaction --------------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_a_kill_between_the_units_and_the_teams_leaves_nothing(
    fresh_postgres: Callable[..., Awaitable[Postgres]],
    fresh_nats: Callable[..., Awaitable[Nats]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    servers = (await fresh_postgres(), await fresh_nats(nats_config()))
    monkeypatch.setenv(faults.VARIABLE, "reform.between_units_and_teams")
    doomed = Processes(["registry"], *servers, tmp_path)
    await doomed.start()
    monkeypatch.delenv(faults.VARIABLE)
    async with doomed.client(Role.PROVINCE_OFFICER, units=["51"]) as officer:
        await ok(officer.post(doomed.url("/registry/editions/2023")), 201)
        await ok(officer.post(doomed.url("/registry/teams"), json=a_team("21403", team_id="t-1")), 201)
        with pytest.raises(httpx.HTTPError):
            await officer.post(doomed.url("/registry/reforms"), json={"edition": "2025-01"})
    while doomed.services["registry"].running:
        await asyncio.sleep(0.05)
    (tmp_path / "again").mkdir()
    again = Processes(["registry"], *servers, tmp_path / "again")
    await again.start()
    try:
        async with again.client(Role.PROVINCE_OFFICER, units=["51"]) as officer:
            asked = {"on": "2025-01-01", "level": "commune"}
            assert (await ok(officer.get(again.url("/registry/units"), params=asked)))["total"] == 173
            assert (await ok(officer.get(again.url("/registry/reforms"))))["total"] == 0
            done = await ok(officer.post(again.url("/registry/reforms"), json={"edition": "2025-01"}), 201)
            assert (done["established"], done["teams"]) == (3, 1)
            assert (await ok(officer.get(again.url("/registry/units"), params=asked)))["total"] == 170
            assert (await ok(officer.get(again.url("/registry/teams/t-1"))))["unit_id"] == "21406-2501"
    finally:
        again.stop()
