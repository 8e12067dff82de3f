"""The campaign of 2023, both reforms of 2025, and its numbers on every map: as it was, in between, as it is now.

All four services on real servers, through the public API. What the numbers must be is worked out from what was sent and
from the files of the editions, not from anything that the services hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, NamedTuple

import httpx
import pytest

from phongtrao import operate
from services.courses.app import SPEC as COURSES
from services.outreach.app import SPEC as OUTREACH
from services.registry import editions
from services.registry.app import SPEC as REGISTRY
from services.reporting.app import SPEC as REPORTING
from shared.auth import Role
from shared.clock import VIETNAM
from shared.contracts.outreach import CitizenGuided
from shared.ids import new_id
from tests.service.reforms import (
    CA_DAM,
    CHOICES,
    DONG_SON,
    LY_SON,
    OWN,
    TAY_TRA_BONG,
    TRA_BUI,
    V1,
    V2,
    VILLAGES,
    found_team,
    of_2023,
)
from tests.support.servers import Nats, Postgres, new_nats
from tests.support.stack import HandClock, Stack, nats_config, stack
from tests.support.world import a_campaign, ok, refused

CAMPAIGN = "qn-2023"
DISTRICTS = [u.unit_id for u in editions.units("2023") if u.level == "district"]
COMMUNES_2023 = {u.unit_id: u.district_id for u in editions.units("2023") if u.level == "commune"}
COMMUNES_NOW = [u.unit_id for u in editions.units("2025-07") if u.level == "commune"]
IN_2023, IN_SPRING, NOW = "2023-08-03", "2025-03-01", "2025-08-01"


class Done(NamedTuple):
    """A guidance: of the team `t-…` by its leader `m-…`, of which citizen."""

    team_id: str
    citizen: int


class World(NamedTuple):
    """The province at work, what was done in 2023, and what was answered before the reforms."""

    running: Stack
    clock: HandClock
    officer: httpx.AsyncClient
    done: list[Done]
    before: dict[str, Any]

    async def units(self, **asked: str) -> dict[str, Any]:
        """`GET /reporting/units` of the campaign of 2023, all on one page."""
        public = self.running.client()
        return await ok(public.get("/reporting/units", params={"campaign": CAMPAIGN, "limit": "500", **asked}))

    async def send(self, client: httpx.AsyncClient, *items: dict[str, Any]) -> list[dict[str, Any]]:
        """The receipts of a batch."""
        answer = await ok(client.post("/outreach/guidances", json={"campaign_id": CAMPAIGN, "items": list(items)}))
        await self.running.caught_up()
        receipts: list[dict[str, Any]] = answer["receipts"]
        return receipts


def an_item(done: Done, day: str = "2023-07-30", **changed: Any) -> dict[str, Any]:
    """What a phone sends about it."""
    return {
        "guidance_id": new_id(), "member_id": done.team_id.replace("t-", "m-", 1), "topics": ["services"],
        "occurred_at": f"{day}T09:00:00+07:00", "citizen": {"phone": f"01{done.citizen:08}"}, "place": "home",
        **changed,
    }  # fmt: skip


def doings(places: Iterable[str]) -> list[Done]:
    """Each team met one to three citizens of its own, and one that a team of another place met as well."""
    teams = [f"t-{place}" for place in places]
    own = [Done(team, 1000 * n + k) for n, team in enumerate(teams, 1) for k in range(1 + n % 3)]
    return own + [Done(team, n // 3) for n, team in enumerate(teams)]


@asynccontextmanager
async def province(postgres: Postgres, nats: Nats, places: list[str]) -> AsyncIterator[World]:
    """Teams at these places, the campaign of 2023 and what they did in it, on the evening of its last day but four."""
    clock = HandClock(datetime(2023, 7, 30, 20, 0, tzinfo=VIETNAM))
    async with stack(REGISTRY, OUTREACH, COURSES, REPORTING, postgres=postgres, nats=nats, clock=clock) as running:
        officer = running.client(Role.PROVINCE_OFFICER, units=["51"])
        await ok(officer.post("/registry/editions/2023"), 201)
        for village_id in (V1, V2):
            village = {"village_id": village_id, "name": f"Thôn {village_id[-1]}", "parent_id": TRA_BUI}
            await ok(officer.post("/registry/villages", json={**village, "valid_from": "2023-07-03"}), 201)
        for place in places:
            await found_team(officer, place)
        await running.caught_up()
        await ok(officer.post("/outreach/campaigns", json=a_campaign(campaign_id=CAMPAIGN,
                                                                     reporting_unit_ids=DISTRICTS)), 201)  # fmt: skip
        world = World(running, clock, officer, doings(places), {})
        for start in range(0, len(world.done), 500):
            receipts = await world.send(officer, *(an_item(d) for d in world.done[start : start + 500]))
            assert {r["result"] for r in receipts} == {"accepted"}
        clock.now = datetime(2023, 8, 20, 8, 0, tzinfo=VIETNAM)
        for level in ("district", "commune"):
            world.before[level] = await world.units(level=level)
        yield world


async def reform(world: World) -> None:
    """Both reforms, each after its effective day."""
    world.clock.now = datetime(2025, 1, 6, 8, 0, tzinfo=VIETNAM)
    await ok(world.officer.post("/registry/reforms", json={"edition": "2025-01"}), 201)
    world.clock.now = datetime(2025, 8, 1, 8, 0, tzinfo=VIETNAM)
    known = {"villages": CHOICES["villages"]}
    has_own = any(d.team_id == OWN for d in world.done)
    await ok(world.officer.post("/registry/reforms", json={"edition": "2025-07",
                                                           "choices": CHOICES if has_own else known}), 201)  # fmt: skip
    await world.running.caught_up()


@pytest.fixture(scope="module")
async def world(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A team at every district and commune of 2023 and at two villages of Trà Bùi, through both reforms."""
    nats = new_nats(tmp_path_factory.mktemp("nats"), config=nats_config())
    await nats.start()
    async with province(postgres, nats, of_2023()) as here:
        await reform(here)
        yield here
    await nats.stop()
    nats.remove()


@pytest.fixture
async def small(postgres: Postgres, fresh_nats: Callable[..., Awaitable[Nats]]) -> AsyncIterator[World]:
    """Teams at Trà Bùi's villages, at Trà Bồng and Lý Sơn, and where Đông Sơn came from; no reform yet."""
    old = [line.predecessor_id for line in editions.lineage("2025-07") if line.successor_id == DONG_SON]
    async with province(postgres, await fresh_nats(nats_config()), [V1, V2, "525", LY_SON, *old]) as here:
        yield here


# -- what must come out -----------------------------------------------------------------------------------------------


def district_2023(place: str) -> str:
    """The district of a place of 2023."""
    return COMMUNES_2023.get(TRA_BUI if place in VILLAGES else place) or place


def unit_of(place: str, edition: str) -> str:
    """Where the team of a place of 2023 is in a later edition, by the lineage files and by what people chose."""
    if edition == "2025-07" and place in VILLAGES:
        return VILLAGES[place]
    if edition == "2025-07" and place == TRA_BUI:
        return CHOICES["teams"][OWN]
    unit_id = TRA_BUI if place in VILLAGES else place
    for step in [e for e in editions.bundled()[1:] if e <= edition]:
        after = [line.successor_id for line in editions.lineage(step) if line.predecessor_id == unit_id]
        assert len(after) <= 1, f"{unit_id} was split in {step}"
        unit_id = after[0] if after else editions.decision(step).heirs.get(unit_id, unit_id)
    return unit_id


def expected(done: Iterable[Done], key: Callable[[str], str]) -> dict[str, tuple[int, int]]:
    """Distinct citizens and sessions by what `key` makes of a place of 2023."""
    done = list(done)
    met = {(key(d.team_id.removeprefix("t-")), d.citizen) for d in done}
    sessions = Counter(key(d.team_id.removeprefix("t-")) for d in done)
    citizens = Counter(unit_id for unit_id, _ in met)
    return {unit_id: (citizens[unit_id], n) for unit_id, n in sessions.items()}


def shown(page: dict[str, Any], lines: str = "items") -> dict[str, tuple[int, int]]:
    """Citizens and sessions of the units of an answer that have any."""
    found = {u["unit_id"]: (u["citizens"], u["sessions"]) for u in page[lines]}
    return {unit_id: numbers for unit_id, numbers in found.items() if numbers != (0, 0)}


def sums(page: dict[str, Any]) -> Counter[str]:
    """What adds up over all units and what is besides them."""
    total: Counter[str] = Counter()
    for unit in (*page["items"], *page["rest"]):
        total.update({name: unit[name] for name in ("sessions", "members", "members_met", "teams")})
    return total


async def of_the_province(world: World) -> Counter[str]:
    """What the overview says of all together; everyone here is on one team, so members add up, too."""
    all_of_it = await ok(world.running.client().get("/reporting/overview", params={"campaign": CAMPAIGN}))
    members, teams = all_of_it["members"], all_of_it["teams"]
    facts = {"members": members["total"], "members_met": members["met"], "teams": teams["total"]}
    return Counter({"sessions": all_of_it["sessions"], **facts})


# -- the campaign of 2023 on every map --------------------------------------------------------------------------------


async def test_thirteen_districts_are_as_they_were_and_add_up(world: World) -> None:
    now = await world.units()
    assert (now["map"], now["level"], now["total"], now["rest"]) == (IN_2023, "district", 13, [])
    assert now["items"] == world.before["district"]["items"]
    assert shown(now) == expected(world.done, district_2023)
    assert sums(now) == await of_the_province(world)


async def test_the_communes_of_2023_are_as_they_were_and_the_districts_own_teams_stand_beside_them(
    world: World,
) -> None:
    now = await world.units(level="commune")
    assert (now["total"], now["items"]) == (173, world.before["commune"]["items"])
    assert now["rest"] == world.before["commune"]["rest"]
    of_places = expected(world.done, lambda place: TRA_BUI if place in VILLAGES else place)
    assert shown(now) | shown(now, "rest") == of_places
    assert {u["unit_id"] for u in now["rest"]} == set(DISTRICTS)
    assert sums(now) == await of_the_province(world)


async def test_ninety_six_units_of_today_add_up(world: World) -> None:
    now = await world.units(map=NOW)
    assert (now["map"], now["level"], now["total"], now["rest"]) == (NOW, "commune", 96, [])
    assert {u["unit_id"] for u in now["items"]} == set(COMMUNES_NOW)
    assert shown(now) == expected(world.done, lambda place: unit_of(place, "2025-07"))
    assert sums(now) == await of_the_province(world)


async def test_the_edition_in_between_adds_up(world: World) -> None:
    now = await world.units(map=IN_SPRING, level="commune")
    assert (now["map"], now["total"]) == (IN_SPRING, 170)
    assert shown(now) | shown(now, "rest") == expected(world.done, lambda place: unit_of(place, "2025-01"))
    assert sums(now) == await of_the_province(world)


async def test_tra_bui_is_split_by_its_teams_and_dong_son_gathers_two_districts(world: World) -> None:
    then, now = [
        {u["unit_id"]: u["sessions"] for u in (await world.units(map=day, level="commune"))["items"]}
        for day in (IN_2023, NOW)
    ]
    sessions = Counter(d.team_id for d in world.done)
    assert then[TRA_BUI] == sessions[OWN] + sessions[f"t-{V1}"] + sessions[f"t-{V2}"]
    tra_bui_now = {
        unit: sum(n for team, n in sessions.items() if unit_of(team.removeprefix("t-"), "2025-07") == unit)
        for unit in (CA_DAM, TAY_TRA_BONG)
    }
    assert {unit: now[unit] for unit in tra_bui_now} == tra_bui_now
    assert sessions[f"t-{V2}"] <= now[TAY_TRA_BONG]
    old = [line.predecessor_id for line in editions.lineage("2025-07") if line.successor_id == DONG_SON]
    assert {COMMUNES_2023[unit_of_2023] for unit_of_2023 in old} == {"522", "524"}
    assert now[DONG_SON] == sum(then[unit_id] for unit_id in old)
    assert now[LY_SON] == sessions[f"t-{LY_SON}"]


async def test_teams_and_members_are_listed_at_their_units_of_the_map(world: World) -> None:
    for day, unit_id in ((IN_2023, TRA_BUI), (NOW, CA_DAM)):
        asked = {"campaign": CAMPAIGN, "map": day, "within": unit_id}
        teams = await ok(world.officer.get("/reporting/teams", params=asked))
        there = {t for t in (OWN, f"t-{V1}", f"t-{V2}") if (day == IN_2023 or t != f"t-{V2}")}
        assert there <= {t["team_id"] for t in teams["items"]}
        assert {(t["unit_id"], t["commune_id"]) for t in teams["items"]} == {(unit_id, unit_id)}
        members = await ok(world.officer.get("/reporting/members", params=asked))
        assert {m["team_id"] for m in members["items"]} == {t["team_id"] for t in teams["items"]}
    gone = await world.officer.get("/reporting/teams", params={"campaign": CAMPAIGN, "map": NOW, "within": TRA_BUI})
    assert "01/08/2025" in refused(gone, 404, "no_such_unit", "within")["messages"]["vi"]


async def test_whoever_has_the_teams_now_sees_what_they_did(world: World) -> None:
    commune = world.running.client(Role.COMMUNE_OFFICER, units=[CA_DAM])
    teams = await ok(commune.get("/reporting/teams", params={"campaign": CAMPAIGN}))
    assert teams["map"] == IN_2023
    assert {OWN, f"t-{V1}"} <= {t["team_id"] for t in teams["items"]}
    assert f"t-{V2}" not in {t["team_id"] for t in teams["items"]}
    abolished = world.running.client(Role.DISTRICT_OFFICER, units=["525"])
    assert (await ok(abolished.get("/reporting/teams", params={"campaign": CAMPAIGN})))["total"] == 0


async def test_what_an_abolished_unit_owes_passes_on_only_while_it_is_due(world: World) -> None:
    campaign = await ok(world.running.client().get(f"/outreach/campaigns/{CAMPAIGN}"))
    assert {o["unit_id"] for o in campaign["reports_owed"]} == set(DISTRICTS)
    assert {o["last_day"] for o in campaign["reports_owed"]} == {"2023-08-15"}


async def test_read_models_are_what_the_logs_say(world: World) -> None:
    said: list[str] = []
    assert await operate.verify(list(world.running.services.values()), None, said.append) == 0, said


# -- life goes on -----------------------------------------------------------------------------------------------------


async def test_a_late_entry_lands_in_the_unit_of_its_day(small: World) -> None:
    await reform(small)
    then, now = await small.units(level="commune"), await small.units(map=NOW)
    late = Done(f"t-{V2}", 999_001)
    heir = small.running.client(Role.COMMUNE_OFFICER, units=[TAY_TRA_BONG])
    other = small.running.client(Role.COMMUNE_OFFICER, units=[CA_DAM])
    assert [r["why"]["slug"] for r in await small.send(other, an_item(late))] == ["outside_your_unit"]
    assert [r["result"] for r in await small.send(heir, an_item(late))] == ["accepted"]

    [*_, event] = await small.running.log("outreach", CitizenGuided)
    assert isinstance(event, CitizenGuided)
    assert (event.unit_id, event.district_id, event.commune_id) == (TRA_BUI, "525", TRA_BUI)
    assert grown(then, await small.units(level="commune")) == {TRA_BUI: (1, 1)}
    assert grown(now, await small.units(map=NOW)) == {TAY_TRA_BONG: (1, 1)}


def grown(before: dict[str, Any], after: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """What units have more of."""
    old, new = shown(before), shown(after)
    more = {u: (new[u][0] - old.get(u, (0, 0))[0], new[u][1] - old.get(u, (0, 0))[1]) for u in new}
    return {u: numbers for u, numbers in more.items() if numbers != (0, 0)}


async def test_the_next_campaign_runs_on_the_ninety_six_units(small: World) -> None:
    await reform(small)
    plan = a_campaign(
        campaign_id="qn-2025", launched_on="2025-07-28", report_due_on="2025-12-15", reporting_unit_ids=COMMUNES_NOW
    )
    old = await small.officer.post("/outreach/campaigns", json={**plan, "reporting_unit_ids": [TRA_BUI]})
    refused(old, 422, "unknown_unit", "reporting_unit_ids")
    await ok(small.officer.post("/outreach/campaigns", json=plan), 201)
    item = an_item(Done(f"t-{V2}", 5), "2025-07-30")
    answer = await ok(small.officer.post("/outreach/guidances", json={"campaign_id": "qn-2025", "items": [item]}))
    assert answer["accepted"] == 1
    await small.running.caught_up()

    page = await ok(small.running.client().get("/reporting/units", params={"limit": "500"}))
    assert (page["map"], page["level"], page["total"], page["rest"]) == (NOW, "commune", 96, [])
    assert shown(page) == {TAY_TRA_BONG: (1, 1)}
    overview = await ok(small.running.client().get("/reporting/overview"))
    assert (overview["map"], overview["units"]) == (NOW, {"districts": 0, "communes": 96})
    for unit in (None, TAY_TRA_BONG):
        page_of_unit = await small.running.client().get("/", params={"unit": unit} if unit else {})
        assert page_of_unit.status_code == 200
        assert "Tây Trà Bồng" in page_of_unit.text


async def test_a_reform_that_is_taken_back_leaves_the_numbers_of_before(small: World) -> None:
    before = {level: small.before[level]["items"] for level in ("district", "commune")}
    await reform(small)
    assert shown(await small.units(map=NOW)) == expected(small.done, lambda place: unit_of(place, "2025-07"))
    spring = await small.units(map=IN_SPRING, level="commune")

    await ok(small.officer.post("/registry/reforms/2025-07/reverse"), 201)
    await small.running.caught_up()
    again = await small.units(map=NOW, level="commune")
    assert again["items"] == spring["items"]
    assert again["rest"] == spring["rest"]

    await ok(small.officer.post("/registry/reforms/2025-01/reverse"), 201)
    await small.running.caught_up()
    for level, items in before.items():
        for day in (IN_2023, IN_SPRING, NOW):
            assert (await small.units(map=day, level=level))["items"] == items
    assert await operate.verify(list(small.running.services.values()), None, lambda _: None) == 0


async def test_a_person_on_two_teams_of_one_unit_is_one_and_says_for_which(small: World) -> None:
    again = {"member_id": f"m-{V1}", "joined_on": "2023-07-20"}
    await ok(small.officer.post(f"/registry/teams/t-{V2}/members", json=again), 201)
    await small.running.caught_up()
    item = an_item(Done(f"t-{V1}", 7_000_001))
    [receipt] = await small.send(small.officer, item)
    assert (receipt["result"], receipt["why"]["slug"], receipt["why"]["field"]) == ("refused", "which_team", "team_id")
    [receipt] = await small.send(small.officer, {**item, "team_id": f"t-{V2}"})
    assert receipt["result"] == "accepted"
    page = await small.units(level="commune", within=TRA_BUI)
    assert [(u["teams"], u["members"]) for u in page["items"]] == [(2, 2)]
