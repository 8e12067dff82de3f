"""Any number of levels below a commune: units, teams, lists, pages, and reforms of the deep tree."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from typing import Any

import httpx
import pytest

from services.registry.store.levels import all_levels
from services.registry.unit_levels import STATE
from shared.auth import Role
from shared.contracts.registry import UnitEstablished, UnitsReorganised
from tests.service.deep import (
    ABOVE,
    DISTRICT,
    GROUP,
    GROUP_2,
    HAMLET,
    HAMLET_2,
    KINDS,
    LANE,
    LEVELS,
    NAMES,
    QUARTER,
    a_level,
    deep_world,
    establish,
)
from tests.service.reforms import AFTER, CA_DAM, CHOICES, JULY, TAY_TRA_BONG, TRA_BUI, V1, V2, World, found_team
from tests.service.test_reversals import REVERSE, agree
from tests.support.pages import page
from tests.support.servers import Nats, Postgres
from tests.support.stack import nats_config
from tests.support.world import LY_SON, TOWN, ok, refused

TODAY = AFTER.date()
TEAMS = {f"t-{i}" for i in (TRA_BUI, QUARTER, HAMLET, GROUP, GROUP_2, LANE)}
BELOW_GROUP = {f"t-{GROUP}", f"t-{LANE}"}
WITHIN = {
    DISTRICT: TEAMS, TRA_BUI: TEAMS, QUARTER: TEAMS - {f"t-{TRA_BUI}"}, HAMLET: {f"t-{HAMLET}", *BELOW_GROUP},
    HAMLET_2: {f"t-{GROUP_2}"}, GROUP: BELOW_GROUP, LANE: {f"t-{LANE}"},
}  # fmt: skip


@pytest.fixture
async def here(postgres: Postgres, fresh_nats: Callable[..., Awaitable[Nats]]) -> AsyncIterator[World]:
    async with deep_world(postgres, await fresh_nats(nats_config())) as made:
        yield made


async def ids(client: httpx.AsyncClient, path: str, key: str, **params: Any) -> set[str]:
    """Ids of all items of a list."""
    found = await ok(client.get(f"/registry/{path}", params={"limit": "500", **params}))
    return {i[key] for i in found["items"]}


# -- levels -----------------------------------------------------------------------------------------------------------


async def test_levels_and_kinds_of_the_state_are_the_same_in_the_rules_and_on_record(here: World) -> None:
    async with here.running.services["registry"].pool.acquire() as conn:
        found = await all_levels(conn)
    own = {level["level_id"] for level in LEVELS}
    assert tuple(level for level in found.levels if level.level_id not in own) == STATE.levels
    assert tuple(kind for kind in found.kinds if kind.level_id not in own) == STATE.kinds


async def test_levels_are_listed_from_the_top_down_with_their_kinds(here: World) -> None:
    more = {"kind_id": "block", "level_id": "household_group", "word_vi": "Cụm dân cư", "word_en": "block"}
    first = await ok(here.officer.post("/registry/kinds", json=more), 201)
    assert await ok(here.officer.post("/registry/kinds", json=more), 201) == first
    levels = (await ok(here.running.client().get("/registry/levels")))["items"]
    assert [(i["level_id"], i["counts_as"]) for i in levels] == [
        ("province", "province"), ("district", "district"), ("commune", "commune"), ("quarter", "village"),
        ("village", "village"), ("household_group", "village"), ("lane", "village"),
    ]  # fmt: skip
    assert [k["kind_id"] for k in levels[5]["kinds"]] == ["household_group", "block"]
    assert levels[3]["kinds"] == [{"kind_id": "quarter", "word_vi": "Khu phố", "word_en": "quarter"}]


async def test_a_level_is_refused_where_it_makes_no_sense(here: World) -> None:
    path, officer = "/registry/levels", here.officer
    assert await ok(officer.post(path, json=LEVELS[0]), 201) == await ok(officer.post(path, json=LEVELS[0]), 201)
    changed = {**LEVELS[0], "rank": 351}
    refused(await officer.post(path, json=changed), 409, "same_id_other_content", "level_id")
    refused(await officer.post(path, json=a_level("region", 150, "Vùng")), 422, "above_the_commune", "rank")
    refused(await officer.post(path, json=a_level("x", 350, "X")), 409, "rank_taken", "rank")
    refused(await officer.post(path, json=a_level("x", 700, "thôn")), 409, "word_taken", "kinds.0.word_vi")
    refused(await officer.post(path, json=a_level("x", 700, "X", kinds=[])), 422, "invalid_data", "kinds")
    kind = {"kind_id": "y", "level_id": "x", "word_vi": "Y", "word_en": "y"}
    refused(await officer.post("/registry/kinds", json=kind), 422, "unknown_level", "level_id")
    commune = here.running.client(Role.COMMUNE_OFFICER, units=[TRA_BUI])
    for where, body in ((path, a_level("x", 700, "X")), ("/registry/kinds", {**kind, "level_id": "lane"})):
        refused(await commune.post(where, json=body), 403, "role_not_allowed", "Authorization")
    elsewhere = here.running.client(Role.PROVINCE_OFFICER, units=["62"])
    refused(await elsewhere.post(path, json=a_level("x", 700, "X")), 403, "outside_your_unit", "level_id")


# -- units ------------------------------------------------------------------------------------------------------------


async def test_each_unit_lies_in_every_unit_above_it(here: World) -> None:
    for unit_id, above in (*ABOVE.items(), (LANE, HAMLET), (LANE, QUARTER), (LANE, TRA_BUI), (LANE, DISTRICT)):
        found = await ids(here.officer, "units", "unit_id", within=above, level="village")
        assert unit_id in found, (unit_id, above)
    assert await ids(here.officer, "units", "unit_id", within=HAMLET_2) == {GROUP_2}
    shown = await ok(here.officer.get(f"/registry/units/{LANE}"))
    assert [u["unit_id"] for u in shown["above"]] == ["51", DISTRICT, TRA_BUI, QUARTER, HAMLET, GROUP]
    assert (shown["level"], shown["level_id"], shown["kind"]) == ("village", "lane", "lane")
    told = {e.unit_id: e for e in await here.running.log("registry", UnitEstablished) if isinstance(e, UnitEstablished)}
    assert (told[LANE].level, told[LANE].level_id, told[LANE].parent_id) == ("village", "lane", GROUP)
    assert (told[LANE].district_id, told[LANE].commune_id) == (DISTRICT, TRA_BUI)
    assert (told[HAMLET].level_id, told[TRA_BUI].level_id) == (None, None)


async def test_units_of_a_level_are_listed_at_any_depth(here: World) -> None:
    for level, found in (("household_group", {GROUP, GROUP_2}), ("quarter", {QUARTER}), ("lane", {LANE})):
        assert await ids(here.officer, "units", "unit_id", level=level) == found
    assert await ids(here.officer, "units", "unit_id", level="village") == {*NAMES, V1, V2}
    refused(await here.officer.get("/registry/units?level=nowhere"), 422, "unknown_level", "level")
    refused(await here.officer.get("/registry/units/resolve?name=x&level=nowhere"), 422, "unknown_level", "level")


async def test_a_name_is_resolved_within_any_unit_above(here: World) -> None:
    for within, unit_id in ((HAMLET, GROUP), (HAMLET_2, GROUP_2)):
        meant = await ok(here.officer.get("/registry/units/resolve", params={"name": NAMES[GROUP], "within": within}))
        assert meant["unit"]["unit_id"] == unit_id
    both = await ok(here.officer.get("/registry/units/resolve", params={"name": NAMES[GROUP], "within": QUARTER}))
    assert {c["unit_id"] for c in both["candidates"]} == {GROUP, GROUP_2}
    for asked in ({"level": "lane"}, {"within": QUARTER}, {"within": DISTRICT}):
        one = await ok(here.officer.get("/registry/units/resolve", params={"name": NAMES[LANE], **asked}))
        assert one["unit"]["unit_id"] == LANE, asked


async def test_a_unit_is_refused_where_its_level_does_not_fit(here: World) -> None:
    for changed, slug, field in (
        ({"parent_id": HAMLET, "kind": "hamlet"}, "level_does_not_fit", "parent_id"),
        ({"parent_id": LANE, "kind": "household_group"}, "level_does_not_fit", "parent_id"),
        ({"parent_id": TRA_BUI, "kind": "ward"}, "kind_does_not_fit", "kind"),
        ({"parent_id": TRA_BUI, "kind": "nothing"}, "kind_does_not_fit", "kind"),
    ):
        body = {"village_id": "v-x", "name": "Thôn X", "valid_from": "2023-07-03", **changed}
        refused(await here.officer.post("/registry/villages", json=body), 422, slug, field)
    commune = here.running.client(Role.COMMUNE_OFFICER, units=[TOWN])
    body = {"village_id": "v-x", "name": "Ngõ 2", "kind": "lane", "parent_id": GROUP, "valid_from": "2023-07-03"}
    refused(await commune.post("/registry/villages", json=body), 403, "outside_your_unit", "parent_id")
    own = here.running.client(Role.COMMUNE_OFFICER, units=[TRA_BUI])
    await ok(own.post("/registry/villages", json=body), 201)


# -- teams ------------------------------------------------------------------------------------------------------------


async def test_teams_and_their_people_are_listed_within_every_unit_above(here: World) -> None:
    for within, teams in WITHIN.items():
        assert await ids(here.officer, "teams", "team_id", within=within) == teams, within
        people = {t.replace("t-", "m-") for t in teams}
        assert await ids(here.officer, "members", "member_id", within=within) == people, within
    assert " có 3 tổ" in await page(here.officer, "/so/to", within=HAMLET)
    assert " có 5 tổ" in await page(here.officer, "/so/to", within=QUARTER)
    hits = await ok(here.officer.get("/registry/search", params={"q": "Tổ liên gia 1", "within": HAMLET_2}))
    assert [h["id"] for h in hits["items"] if h["kind"] == "unit"] == [GROUP_2]


async def test_a_team_is_at_the_commune_of_its_village_at_any_depth(here: World) -> None:
    place = await here.place(f"t-{LANE}", JULY)
    assert (place.unit_id, place.village_id, place.village) == (TRA_BUI, LANE, NAMES[LANE])
    assert (place.level, place.district_id, place.commune_id) == ("village", DISTRICT, TRA_BUI)
    elsewhere = {"unit_id": TOWN, "level": "village", "village_id": LANE, "effective_on": "2024-01-01"}
    answer = await here.officer.post(f"/registry/teams/t-{LANE}/move", json=elsewhere)
    refused(answer, 422, "village_elsewhere", "village_id")
    moved = {"unit_id": TRA_BUI, "level": "village", "village_id": GROUP_2, "effective_on": "2024-01-01"}
    await ok(here.officer.post(f"/registry/teams/t-{LANE}/move", json=moved))
    assert (await here.place(f"t-{LANE}", JULY)).village_id == GROUP_2


# -- pages ------------------------------------------------------------------------------------------------------------


async def test_the_tree_shows_every_depth_and_adds_up_from_below(here: World) -> None:
    shown = await page(here.officer, "/so/don-vi", on="2025-06-30", open="1")
    at = [shown.index(NAMES[i]) for i in (QUARTER, HAMLET_2, HAMLET, LANE)]
    assert at[0] < at[1] < at[2] < at[3]
    assert "1 khu phố" in shown
    assert "2 tổ liên gia" not in shown, "one in each hamlet"
    assert "2 đơn vị cấp tổ liên gia" in shown
    assert "Khu phố Đông 5 tổ" in shown
    english = await page(here.officer, "/so/don-vi", on="2025-06-30", lang="en")
    assert "2 units of household group level" in english
    assert "1 quarter" in english
    before = await page(here.officer, "/so/don-vi", on="2023-07-02", open="1")
    assert NAMES[QUARTER] not in before
    lane = await page(here.officer, f"/so/don-vi/{LANE}", lang="vi")
    crumbs = [lane.index(name) for name in ("Trà Bùi", NAMES[QUARTER], NAMES[HAMLET], NAMES[GROUP])]
    assert crumbs == sorted(crumbs)
    assert "cấp ngõ" in lane
    assert "1 đơn vị cấp ngõ" in await page(here.officer, "/so")


# -- reforms ----------------------------------------------------------------------------------------------------------


def a_reform(*successors: tuple[str, str, str, tuple[str, ...]], day: str = "2025-03-01", **changed: Any) -> Any:
    """A decision of the commune: id, name, parent and predecessors of each unit that there is afterwards."""
    basis = {"number": "5/QĐ", "title": "Sắp xếp thôn", "issued_on": "2025-02-01", "issuer": "UBND xã"}
    made = [
        {"unit": {"unit_id": i, "name": name, "kind": KINDS.get(before[0]), "level": "village", "parent_id": parent},
         "predecessors": [{"unit_id": b} for b in before]} for i, name, parent, before in successors
    ]  # fmt: skip
    return {"reform_id": "r-1", "effective_on": day, "legal_basis": basis, "successors": made, **changed}


async def tree(here: World, day: date = TODAY) -> dict[str, tuple[str | None, str | None]]:
    """Parent and commune of each unit below the communes."""
    return {u.unit_id: (u.parent_id, u.commune_id) for u in await here.map(day) if u.level == "village"}


async def test_groups_of_two_hamlets_are_merged_and_taken_back(here: World) -> None:
    before = await tree(here)
    await here.execute(plan=a_reform(("g-3", "Tổ liên gia 3", HAMLET, (GROUP, GROUP_2))))
    after = await tree(here)
    assert after == {**{i: p for i, p in before.items() if i not in (GROUP, GROUP_2)}, "g-3": (HAMLET, TRA_BUI),
                     LANE: ("g-3", TRA_BUI)}  # fmt: skip
    for team in (GROUP, GROUP_2):
        assert (await here.place(f"t-{team}", JULY)).village_id == "g-3"
    [event] = [e for e in await here.running.log("registry", UnitsReorganised) if isinstance(e, UnitsReorganised)]
    [made] = [c.unit for c in event.changes if c.change == "established"]
    assert (made.level, made.level_id, made.commune_id) == ("village", "household_group", TRA_BUI)
    line = await ok(here.officer.get(f"/registry/units/{GROUP}/lineage", params={"on": str(JULY)}))
    assert "g-3" in str(line)
    assert await ids(here.officer, "teams", "team_id", within=HAMLET_2) == set()
    await establish(here.officer, "l-2", name="Ngõ 2", kind="lane", parent_id="g-3", valid_from="2025-03-10")
    since = {"level": "village", "village": "Ngõ 2", "village_id": "l-2", "formed_on": "2025-03-11"}
    await found_team(here.officer, TRA_BUI, "l-2", **since)
    await found_team(here.officer, TRA_BUI, "g-3", **{**since, "village": "Tổ liên gia 3", "village_id": "g-3"})
    asked = refused(await here.officer.post(REVERSE.format("r-1")), 422, "choice_missing", "choices.villages.l-2")
    assert GROUP_2 in str(asked)
    choice = {"choices": {"villages": {"l-2": GROUP_2}, "teams": {"t-g-3": GROUP}}}
    await ok(here.officer.post(REVERSE.format("r-1"), json=choice), 201)
    assert await tree(here) == {**before, "l-2": (GROUP_2, TRA_BUI)}
    assert (await here.place(f"t-{GROUP_2}", JULY)).village_id == GROUP_2
    back = await here.place("t-g-3", JULY)
    assert (back.unit_id, back.village_id, back.commune_id) == (TRA_BUI, GROUP, TRA_BUI)
    assert ((await here.place("t-l-2", JULY)).unit_id, await ids(here.officer, "teams", "team_id", within=GROUP_2)) == (
        TRA_BUI, {"t-l-2", f"t-{GROUP_2}"},
    )  # fmt: skip
    await agree(here)


async def test_a_hamlet_goes_to_another_commune_with_all_that_is_in_it(here: World) -> None:
    plan = a_reform((HAMLET, "Thôn Thượng Mới", "21136", (HAMLET,)))
    seen = await here.preview(plan=plan)
    assert seen["questions"] == []
    await here.execute(plan=plan)
    after = await tree(here)
    assert (after[HAMLET], after[GROUP], after[LANE]) == (("21136", "21136"), (HAMLET, "21136"), (GROUP, "21136"))
    for team in (HAMLET, GROUP, LANE):
        place = await here.place(f"t-{team}", JULY)
        assert (place.unit_id, place.village_id, place.commune_id) == ("21136", team, "21136")
    assert await ids(here.officer, "teams", "team_id", within="21136") == {f"t-{i}" for i in (HAMLET, GROUP, LANE)}
    assert await ids(here.officer, "teams", "team_id", within=QUARTER) == {f"t-{QUARTER}", f"t-{GROUP_2}"}
    assert (await here.place(f"t-{LANE}", JULY)).village == NAMES[LANE]
    await agree(here)


async def test_a_quarter_of_a_split_commune_takes_everything_below_it_along_and_comes_back(here: World) -> None:
    choices = {"villages": {**CHOICES["villages"], QUARTER: TAY_TRA_BONG}, "teams": {f"t-{TRA_BUI}": CA_DAM}}
    await here.execute(edition="2025-01")
    before = await tree(here)
    await here.execute(edition="2025-07", choices=choices)
    after = await tree(here)
    assert {after[i][1] for i in NAMES} == {TAY_TRA_BONG}
    assert {i: after[i][0] for i in NAMES} == {**ABOVE, QUARTER: TAY_TRA_BONG}
    for unit_id in (QUARTER, HAMLET, GROUP, GROUP_2, LANE):
        place = await here.place(f"t-{unit_id}", JULY)
        assert (place.unit_id, place.village_id, place.district_id) == (TAY_TRA_BONG, unit_id, None)
    await establish(here.officer, "h-3", name="Thôn Ba", kind="hamlet", parent_id=TAY_TRA_BONG, valid_from="2025-07-10")
    await establish(
        here.officer, "g-4", name="Tổ liên gia 4", kind="household_group", parent_id="h-3", valid_from="2025-07-11"
    )
    asked = await ok(here.officer.post(REVERSE.format("2025-07") + "/preview", json={}))
    [question] = [q for q in asked["questions"] if q["field"] == "choices.villages.h-3"]
    assert TRA_BUI in [c["unit_id"] for c in question["candidates"]]
    assert not [q for q in asked["questions"] if q["field"] == "choices.villages.g-4"], "it goes along with its hamlet"
    back = {"choices": {"villages": {"h-3": TRA_BUI}}}
    done = await ok(here.officer.post(REVERSE.format("2025-07"), json=back), 201)
    assert done["villages"] == 2
    assert await tree(here) == {**before, "h-3": (TRA_BUI, TRA_BUI), "g-4": ("h-3", TRA_BUI)}
    await agree(here)


async def test_a_commune_officer_reorganises_units_of_any_level_within_the_own_commune(here: World) -> None:
    own = here.running.client(Role.COMMUNE_OFFICER, units=[TRA_BUI])
    plan = a_reform((LANE, "Ngõ Mới", GROUP_2, (LANE,)))
    elsewhere = here.running.client(Role.COMMUNE_OFFICER, units=[TOWN])
    refused(await elsewhere.post("/registry/reforms", json={"plan": plan}), 403, "outside_your_unit", "plan")
    await ok(own.post("/registry/reforms", json={"plan": plan}), 201)
    assert (await tree(here))[LANE] == (GROUP_2, TRA_BUI)
    place = await here.place(f"t-{LANE}", JULY)
    assert (place.village, place.village_id, place.unit_id) == ("Ngõ Mới", LANE, TRA_BUI)
    draft = {"what": "change", "within": TRA_BUI, "level": "village", "unit": LANE}
    form = await own.get("/so/sap-xep/soan", params=draft)
    assert 'value="lane"' in form.text
    assert f'value="{GROUP}"' in form.text


async def test_a_place_that_was_corrected_to_have_no_commune_has_none_after_a_reversal(here: World) -> None:
    await establish(here.officer, "h-9", name="Thôn Chín", kind="hamlet", parent_id=TRA_BUI)
    plan = a_reform(("h-9", "Thôn Chín Mới", TOWN, ("h-9",)))
    plan["successors"][0]["unit"]["kind"] = "hamlet"
    await here.execute(plan=plan)
    right = {"since": "2023-07-03", "parent_id": LY_SON, "reason": "Nhập nhầm xã"}
    await ok(here.officer.post("/registry/units/h-9/corrections", json=right), 201)
    await ok(here.officer.post(REVERSE.format("r-1"), json={}), 201)
    assert (await tree(here))["h-9"] == (LY_SON, None)
