"""A decision of one's own as JSON, of every sort: previewed, executed, seen by day, told, taken back, refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any, NamedTuple

import pytest

from shared.auth import Role
from shared.contracts import Event
from shared.contracts.registry import ReorganisationReversed, TeamReassigned, UnitsReorganised
from tests.service.reforms import World, found_team, made_of, plan, unit, world
from tests.support.servers import Nats, Postgres
from tests.support.world import MO_DUC, ok, refused

EVE, DAY, LATER = "2024-05-31", "2024-06-01", "2024-09-01"
BA_TO, LY_SON = "535", "536"
DUC_LOI, DUC_THANG, DUC_NHUAN, DUC_CHANH, DUC_HIEP, DUC_MINH, DUC_PHU, DUC_PHONG, DUC_LAN = (
    "21403", "21406", "21409", "21412", "21415", "21418", "21430", "21433", "21436",
)  # fmt: skip
MINH_LONG, NGHIA_HANH, LONG_SON = "531", "532", "21349"
VILLAGES = {
    "g1": DUC_MINH,
    "h1": DUC_MINH,
    "m1": DUC_LOI,
    "s1": DUC_PHU,
    "s2": DUC_PHU,
    "x1": DUC_LAN,
    "p1": DUC_NHUAN,
    "l1": LY_SON,
}
"""Communes of the villages that have a team."""
Place = tuple[Any, ...]


@pytest.fixture(scope="module")
async def here(postgres: Postgres, guarded_nats: Nats) -> AsyncIterator[World]:
    """The map of 2023, teams at the units that the decisions are about and at villages of theirs, in August 2025."""
    async with world(
        postgres,
        guarded_nats,
        *dict.fromkeys([*VILLAGES.values(), DUC_THANG, DUC_CHANH, DUC_PHONG, MINH_LONG, LONG_SON]),
    ) as at:
        for village_id, unit_id in VILLAGES.items():
            said = {"village_id": village_id, "name": f"Thôn {village_id}", "parent_id": unit_id}
            await ok(at.officer.post("/registry/villages", json={**said, "valid_from": "2023-07-01"}), 201)
            of_village = {"level": "village", "village": f"Thôn {village_id}", "village_id": village_id}
            await found_team(at.officer, unit_id, village_id, **of_village)
        yield at


class Seen(NamedTuple):
    """Units and teams: on the day before a decision and on its day, or on its day without it and with it."""

    before: dict[str, dict[str, Any]]
    after: dict[str, dict[str, Any]]
    teams_before: dict[str, Place]
    teams_after: dict[str, Place]


async def seen(here: World, day: str, *team_ids: str) -> Seen:
    """The maps and the places, as the API says them."""
    eve = str(date.fromisoformat(day) - timedelta(days=1))
    before, after = [await map_of(here, d) for d in (eve, day)]
    return Seen(before, after, *[await places(here, d, team_ids) for d in (eve, day)])


async def map_of(here: World, day: str) -> dict[str, dict[str, Any]]:
    page = await ok(here.officer.get("/registry/units", params={"on": day, "limit": 500}))
    assert page["next"] is None
    return {u["unit_id"]: {k: u[k] for k in ("code", "name", "kind", "level", "parent_id")} for u in page["items"]}


async def places(here: World, day: str, team_ids: tuple[str, ...]) -> dict[str, Place]:
    """Level, unit, village, district and commune of teams."""
    found = [await ok(here.officer.get(f"/registry/teams/{t}", params={"on": day})) for t in team_ids]
    where = ("level", "unit_id", "village_id", "district_id", "commune_id")
    return {t["team_id"]: tuple(t[name] for name in where) for t in found}


async def carry_out(
    here: World, body: dict[str, Any], *team_ids: str, **choices: dict[str, str]
) -> tuple[Seen, dict[str, Any]]:
    """Previews and executes a decision about these teams; what is the same for every sort of it. Answers with what is
    there then, and with the preview."""
    day, asked = body["effective_on"], {"plan": body, "choices": choices}
    before, log = await seen(here, day, *team_ids), await here.running.log("registry")
    preview = await here.preview(**asked)
    assert preview["questions"] == []
    assert (await seen(here, day, *team_ids), await here.running.log("registry")) == (before, log), "it changes nothing"
    done = await here.execute(**asked)
    after = await seen(here, day, *team_ids)
    assert (after.before, after.teams_before) == (before.before, before.teams_before), "the days before stay"
    counts = {
        c: len([u for u in preview["units"] if u["change"] == c]) for c in ("established", "changed", "abolished")
    }
    assert {name: done[name] for name in counts} == counts
    then = Seen(before.after, after.after, before.teams_after, after.teams_after)
    kept = then.before.keys() & then.after.keys()
    assert (len(then.after) - len(kept), len(then.before) - len(kept)) == (counts["established"], counts["abolished"])
    assert len([i for i in kept if then.before[i] != then.after[i]]) <= counts["changed"], "nobody else changes"
    moved = {t for t in team_ids if then.teams_before[t] != then.teams_after[t]}
    assert {i for line in preview["moves"] for i in line["team_ids"]} == moved
    assert preview["teams"] == preview["members"] == done["teams"] == len(moved)
    must_be_told((await here.running.log("registry"))[len(log) :], body, then, moved)
    return then, preview


def must_be_told(events: list[Event], body: dict[str, Any], then: Seen, moved: set[str]) -> None:
    """One event of the reform, one of each team that moved, nothing else."""
    reform, *teams = events
    assert isinstance(reform, UnitsReorganised)
    assert (reform.reform_id, str(reform.effective_on), reform.edition) == (
        body["reform_id"],
        body["effective_on"],
        None,
    )
    assert reform.legal_basis.number == body["legal_basis"]["number"]
    for change in reform.changes:
        there = then.before if change.change == "abolished" else then.after
        assert change.unit.model_dump(include=set(there[change.unit.unit_id])) == there[change.unit.unit_id]
    told = {e.team_id: e for e in teams if isinstance(e, TeamReassigned)}
    assert (len(teams), set(told)) == (len(moved), moved)
    for team_id, e in told.items():
        assert (e.level, e.unit_id, e.village_id, e.district_id, e.commune_id) == then.teams_after[team_id]
        assert (e.reason, e.reform_id, str(e.effective_on)) == ("reform", body["reform_id"], body["effective_on"])


async def take_back(here: World, body: dict[str, Any], then: Seen) -> None:
    """A decision is taken back, and all is as on the day before."""
    teams, log = tuple(then.teams_before), len(await here.running.log("registry"))
    await here.reverse(body["reform_id"])
    again = await seen(here, body["effective_on"], *teams)
    assert (again.after, again.teams_after) == (then.before, then.teams_before)
    reversed_by, *back = (await here.running.log("registry"))[log:]
    assert isinstance(reversed_by, ReorganisationReversed)
    assert {e.team_id for e in back if isinstance(e, TeamReassigned) and e.reason == "reversal"} == {
        t for t in teams if then.teams_before[t] != then.teams_after[t]
    }
    for unit_id in then.after.keys() - then.before.keys():
        gone = await here.officer.get(f"/registry/units/{unit_id}", params={"on": body["effective_on"]})
        assert gone.status_code == 404, gone.text


async def related(here: World, unit_id: str, day: str) -> tuple[dict[str, str], dict[str, str]]:
    """Successors and predecessors of a day, with how much of them."""
    found = await ok(here.officer.get(f"/registry/units/{unit_id}/lineage", params={"on": day}))
    return tuple({u["unit_id"]: u["part"] for u in found[name]} for name in ("successors", "predecessors"))  # type: ignore[return-value]


async def meant(here: World, day: str, **asked: str) -> tuple[str | None, list[str]]:
    """The unit that bears a code or a name on a day, or those that it may be."""
    found = await ok(here.officer.get("/registry/units/resolve", params={**asked, "on": day}))
    return found["unit"] and found["unit"]["unit_id"], [u["unit_id"] for u in found["candidates"]]


def hows(preview: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {(t["predecessor"]["unit_id"], t["successor"]["unit_id"], t["how"]) for t in preview["transitions"]}


async def test_communes_are_merged_into_a_new_one(here: World) -> None:
    body = plan("r-merge", made_of(unit("thang-loi", "Xã Thắng Lợi", code="21403"), DUC_LOI, DUC_THANG))
    then, preview = await carry_out(here, body, "t-m1", f"t-{DUC_LOI}", f"t-{DUC_THANG}")
    assert hows(preview) == {(DUC_LOI, "thang-loi", "merged"), (DUC_THANG, "thang-loi", "merged")}
    assert {h["unit"]["unit_id"]: h["successor"]["unit_id"] for h in preview["heirs"]} == {
        DUC_LOI: "thang-loi", DUC_THANG: "thang-loi",
    }  # fmt: skip
    assert (then.after["m1"]["parent_id"], then.after["thang-loi"]["code"]) == ("thang-loi", "21403")
    assert then.teams_after["t-m1"] == ("village", "thang-loi", "m1", MO_DUC, "thang-loi")
    assert await related(here, DUC_LOI, DAY) == ({"thang-loi": "whole"}, {})
    assert await related(here, "thang-loi", EVE) == ({}, {DUC_LOI: "whole", DUC_THANG: "whole"})
    assert [await meant(here, day, code="21403") for day in (EVE, DAY)] == [(DUC_LOI, []), ("thang-loi", [])]
    assert await meant(here, DAY, name="Xã Đức Thắng") == (None, ["thang-loi"])
    await take_back(here, body, then)
    assert await related(here, DUC_LOI, DAY) == ({}, {})


async def test_a_commune_takes_another_in_and_stays_itself(here: World) -> None:
    body = plan("r-join", made_of(unit(DUC_CHANH, "Xã Đức Chánh"), DUC_CHANH, DUC_HIEP))
    then, preview = await carry_out(here, body, f"t-{DUC_CHANH}")
    assert [(u["change"], u["unit"]["unit_id"]) for u in preview["units"]] == [("abolished", DUC_HIEP)]
    assert then.teams_after == then.teams_before
    assert await related(here, DUC_HIEP, DAY) == ({DUC_CHANH: "whole"}, {})
    assert await meant(here, DAY, name="Xã Đức Hiệp") == (None, [DUC_CHANH])
    await take_back(here, body, then)
    assert await related(here, DUC_HIEP, DAY) == await related(here, DUC_CHANH, EVE) == ({}, {})


async def test_a_split_goes_by_village_and_by_the_named_choice_of_a_team(here: World) -> None:
    teams, own = ("t-s1", "t-s2", f"t-{DUC_PHU}"), f"t-{DUC_PHU}"
    halves = [made_of(unit(f"phu-{way}", f"Xã Phú {way}"), parts=(DUC_PHU,)) for way in ("dong", "tay")]
    body = plan("r-split", *halves, heirs={DUC_PHU: "phu-dong"})
    open_ones = await here.preview(plan=body)
    fields = ["choices.villages.s1", "choices.villages.s2", f"choices.teams.{own}"]
    assert [(q["field"], [c["unit_id"] for c in q["candidates"]]) for q in open_ones["questions"]] == [
        (f, ["phu-dong", "phu-tay"]) for f in fields
    ]
    unanswered = await here.officer.post("/registry/reforms", json={"plan": body})
    assert [e["field"] for e in refused(unanswered, 422, "choice_missing", fields[0])["errors"]] == fields
    wrong = {"plan": body, "choices": {"villages": {"s1": "phu-dong", "s2": DUC_LAN}, "teams": {own: "phu-tay"}}}
    for path in ("/registry/reforms/preview", "/registry/reforms"):
        refused(await here.officer.post(path, json=wrong), 422, "not_a_candidate", "choices.villages.s2")

    choices = {"villages": {"s1": "phu-dong", "s2": "phu-tay"}, "teams": {own: "phu-tay"}}
    then, preview = await carry_out(here, body, *teams, **choices)
    assert hows(preview) == {(DUC_PHU, "phu-dong", "split"), (DUC_PHU, "phu-tay", "split")}
    assert [then.after[v]["parent_id"] for v in ("s1", "s2")] == ["phu-dong", "phu-tay"]
    assert then.teams_after == {
        "t-s1": ("village", "phu-dong", "s1", MO_DUC, "phu-dong"),
        "t-s2": ("village", "phu-tay", "s2", MO_DUC, "phu-tay"),
        own: ("commune", "phu-tay", None, MO_DUC, "phu-tay"),
    }
    assert await related(here, DUC_PHU, DAY) == ({"phu-dong": "part", "phu-tay": "part"}, {})
    assert await related(here, "phu-tay", EVE) == ({}, {DUC_PHU: "part"})
    assert await meant(here, DAY, code=DUC_PHU) == (None, ["phu-dong", "phu-tay"])
    await take_back(here, body, then)


async def test_a_renamed_commune_is_found_by_the_name_of_the_day(here: World) -> None:
    body = plan("r-rename", made_of(unit(DUC_PHONG, "Xã Phong Mới"), DUC_PHONG))
    then, preview = await carry_out(here, body, f"t-{DUC_PHONG}")
    assert hows(preview) == {(DUC_PHONG, DUC_PHONG, "renamed")}
    assert [m[DUC_PHONG]["name"] for m in (then.before, then.after)] == ["Xã Đức Phong", "Xã Phong Mới"]
    assert then.teams_after == then.teams_before
    assert await meant(here, EVE, name="Xã Đức Phong") == await meant(here, DAY, name="Phong Mới") == (DUC_PHONG, [])
    assert await meant(here, DAY, name="Xã Đức Phong") == (None, [DUC_PHONG])
    await take_back(here, body, then)


async def test_a_commune_comes_to_another_district_with_villages_and_teams(here: World) -> None:
    body = plan("r-transfer", made_of(unit(DUC_LAN, "Xã Đức Lân", parent_id=BA_TO), DUC_LAN))
    then, preview = await carry_out(here, body, "t-x1", f"t-{DUC_LAN}")
    assert hows(preview) == {(DUC_LAN, DUC_LAN, "transferred")}
    assert [m[DUC_LAN]["parent_id"] for m in (then.before, then.after)] == [MO_DUC, BA_TO]
    assert then.after["x1"] == then.before["x1"]
    assert then.teams_after["t-x1"] == ("village", DUC_LAN, "x1", BA_TO, DUC_LAN)
    within = {"on": DAY, "within": BA_TO, "name": "Đức Lân"}
    assert (await ok(here.officer.get("/registry/units", params=within)))["total"] == 1
    new_boss, old_boss = (here.running.client(Role.DISTRICT_OFFICER, units=[i]) for i in (BA_TO, MO_DUC))
    await ok(new_boss.get(f"/registry/teams/t-{DUC_LAN}"))
    refused(await old_boss.get(f"/registry/teams/t-{DUC_LAN}"), 403, "outside_your_unit", "team_id")
    await take_back(here, body, then)


async def test_a_commune_becomes_a_township_and_then_a_ward_and_keeps_its_id(here: World) -> None:
    first = plan("r-township", made_of(unit(DUC_NHUAN, "Thị trấn Đức Nhuận", "township"), DUC_NHUAN))
    second = plan("r-ward", made_of(unit(DUC_NHUAN, "Phường Đức Nhuận", "ward"), DUC_NHUAN), effective_on=LATER)
    then, preview = await carry_out(here, first, "t-p1", f"t-{DUC_NHUAN}")
    later, _ = await carry_out(here, second, "t-p1", f"t-{DUC_NHUAN}")
    assert hows(preview) == {(DUC_NHUAN, DUC_NHUAN, "promoted")}
    kinds = [m[DUC_NHUAN]["kind"] for m in (then.before, then.after, later.before, later.after)]
    assert kinds == ["commune", "township", "township", "ward"]
    assert later.teams_after == then.teams_before
    detail = await ok(here.officer.get(f"/registry/units/{DUC_NHUAN}"))
    assert [(s["kind"], s["valid_from"], s["reform_id"]) for s in detail["states"]] == [
        ("commune", "2020-02-01", None), ("township", DAY, "r-township"), ("ward", LATER, "r-ward"),
    ]  # fmt: skip
    assert await meant(here, DAY, name="Thị trấn Đức Nhuận") == (DUC_NHUAN, [])
    assert await meant(here, LATER, name="Xã Đức Nhuận") == (None, [DUC_NHUAN])
    early = await here.officer.post("/registry/reforms/r-township/reverse")
    refused(early, 422, "newer_state", "reform_id")
    await take_back(here, second, later)
    await take_back(here, first, then)


async def test_a_district_without_communes_becomes_a_unit_of_the_communes_level(here: World) -> None:
    body = plan("r-level", made_of(unit(LY_SON, "Đặc khu Lý Sơn", "special_zone", "51", code="21548"), LY_SON))
    then, preview = await carry_out(here, body, "t-l1", f"t-{LY_SON}")
    assert hows(preview) == {(LY_SON, LY_SON, "promoted")}
    assert [(m[LY_SON]["level"], m[LY_SON]["code"]) for m in (then.before, then.after)] == [
        ("district", LY_SON), ("commune", "21548"),
    ]  # fmt: skip
    assert then.teams_before[f"t-{LY_SON}"] == ("district", LY_SON, None, LY_SON, None)
    assert then.teams_after == {
        f"t-{LY_SON}": ("commune", LY_SON, None, None, LY_SON), "t-l1": ("village", LY_SON, "l1", None, LY_SON),
    }  # fmt: skip
    asked = {"on": DAY, "level": "commune", "name": "Lý Sơn"}
    assert (await ok(here.officer.get("/registry/units", params=asked)))["total"] == 1
    assert [await meant(here, d, code=c) for d, c in ((EVE, LY_SON), (DAY, "21548"))] == [(LY_SON, [])] * 2
    await take_back(here, body, then)


async def test_a_district_takes_another_in_and_its_communes_and_teams_come_along(here: World) -> None:
    after = unit(NGHIA_HANH, "Huyện Nghĩa Hành", "district", "51", level="district")
    body = plan("r-districts", made_of(after, NGHIA_HANH, MINH_LONG))
    then, preview = await carry_out(here, body, f"t-{MINH_LONG}", f"t-{LONG_SON}")
    assert [u["unit"]["unit_id"] for u in preview["units"] if u["change"] == "abolished"] == [MINH_LONG]
    communes = {i for i, u in then.before.items() if u["parent_id"] == MINH_LONG}
    assert len(communes) == 5
    assert {then.after[i]["parent_id"] for i in communes} == {NGHIA_HANH}
    assert then.teams_after == {
        f"t-{MINH_LONG}": ("district", NGHIA_HANH, None, NGHIA_HANH, None),
        f"t-{LONG_SON}": ("commune", LONG_SON, None, NGHIA_HANH, LONG_SON),
    }
    boss = here.running.client(Role.DISTRICT_OFFICER, units=[NGHIA_HANH])
    await ok(boss.get(f"/registry/teams/t-{LONG_SON}"))
    await take_back(here, body, then)
    refused(await boss.get(f"/registry/teams/t-{LONG_SON}"), 403, "outside_your_unit", "team_id")


async def test_a_district_officer_splits_moves_and_renames_villages_of_the_district(here: World) -> None:
    """In one decision: one village in two, its team by choice; another one to the next commune, under another name."""
    mine = here._replace(officer=here.running.client(Role.DISTRICT_OFFICER, units=[MO_DUC]))
    halves = [made_of(a_village(f"g1-{n}", f"Thôn {n}", DUC_MINH), parts=("g1",)) for n in ("a", "b")]
    moved = made_of(a_village("h1", "Thôn Đổi Tên", DUC_HIEP), "h1")
    body = plan("r-villages", *halves, moved, heirs={"g1": "g1-a"})
    [asked] = (await mine.preview(plan=body))["questions"]
    assert (asked["field"], [c["unit_id"] for c in asked["candidates"]]) == ("choices.teams.t-g1", ["g1-a", "g1-b"])
    refused(await mine.officer.post("/registry/reforms", json={"plan": body}), 422, "choice_missing", asked["field"])
    then, preview = await carry_out(mine, body, "t-g1", "t-h1", teams={"t-g1": "g1-b"})
    assert hows(preview) == {("g1", "g1-a", "split"), ("g1", "g1-b", "split"), ("h1", "h1", "renamed")}
    assert then.teams_after == {
        "t-g1": ("village", DUC_MINH, "g1-b", MO_DUC, DUC_MINH), "t-h1": ("village", DUC_HIEP, "h1", MO_DUC, DUC_HIEP),
    }  # fmt: skip
    assert await related(mine, "g1", DAY) == ({"g1-a": "part", "g1-b": "part"}, {})
    other = here.running.client(Role.DISTRICT_OFFICER, units=[BA_TO])
    refused(await other.post("/registry/reforms/r-villages/reverse"), 403, "outside_your_unit", "reform_id")
    await take_back(mine, body, then)


def a_village(unit_id: str, name: str, parent_id: str) -> dict[str, Any]:
    """A hamlet of the new map; it has no code."""
    return unit(unit_id, name, "hamlet", parent_id, level="village", code="")
