"""Reporting as a whole: what it answers to whom about one small campaign, over HTTP and over the bus."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any, NamedTuple

import httpx
import pytest

from services.courses.app import SPEC as COURSES
from services.outreach.app import SPEC as OUTREACH
from services.registry.app import SPEC as REGISTRY
from services.reporting.app import SPEC as REPORTING
from shared import bus, event_log
from shared.auth import Role
from shared.clock import VIETNAM
from shared.contracts.outreach import GuidanceWithdrawn, WithdrawReason
from tests.support.delivery import eventually
from tests.support.servers import Nats, Postgres
from tests.support.stack import HandClock, Stack, nats_config, stack
from tests.support.world import (
    CAMPAIGN,
    DUC_NHUAN,
    LY_SON,
    MO_DUC,
    TOWN,
    a_campaign,
    an_item,
    ok,
    refused,
    send,
    team_of,
)

NOW = datetime(2023, 7, 30, 20, 0, tzinfo=VIETNAM)


class World(NamedTuple):
    """Teams by where they are, and their members."""

    running: Stack
    teams: dict[str, str]
    members: dict[str, list[str]]

    def client(self, *roles: Role, **who: Any) -> httpx.AsyncClient:
        return self.running.client(*roles, **who)

    @property
    def officer(self) -> httpx.AsyncClient:
        return self.client(Role.PROVINCE_OFFICER, units=["51"])


@pytest.fixture(scope="module")
async def world(postgres: Postgres, guarded_nats: Nats) -> AsyncIterator[World]:
    """A campaign with a quota of 2: the town's team met it, its neighbours began, the island did nothing."""
    specs = (REGISTRY, OUTREACH, COURSES, REPORTING)
    async with stack(*specs, postgres=postgres, nats=guarded_nats, clock=HandClock(NOW)) as running:
        made = World(running, {}, {})
        loaded = await ok(made.officer.post("/registry/editions/2023"), 201)
        for unit, level, count in (
            (TOWN, "commune", 2), (DUC_NHUAN, "village", 3), (MO_DUC, "district", 1), (LY_SON, "village", 2),
        ):  # fmt: skip
            made.teams[unit], made.members[unit], _ = await team_of(made.officer, unit, level, members=count)
        last_year = a_campaign(campaign_id="qn-2022", launched_on="2022-07-28", report_due_on="2022-09-01")
        for campaign in (a_campaign(campaign_id=CAMPAIGN, quota=2), last_year):
            await ok(made.officer.post("/outreach/campaigns", json=campaign, params={"min_pos": loaded["pos"]}), 201)
        await running.caught_up()
        await _do_something(made)
        await running.caught_up()
        yield made


async def _do_something(world: World) -> None:
    first, second = world.members[TOWN]
    items = [an_item(m, f"01777000{n:02}") for n, m in enumerate((first, first, second, second))]
    late = an_item(world.members[MO_DUC][0], "0177700000", occurred_at="2023-07-30T08:00:00+07:00")
    await send(world.officer, *items, an_item(world.members[DUC_NHUAN][0], "0177700000"), late)
    extra = an_item(first, "0177700099")
    await send(world.officer, extra)
    path = f"/outreach/guidances/{extra['guidance_id']}/withdraw"
    await ok(world.officer.post(path, json={"reason": "duplicate"}))
    await ok(
        world.officer.post(
            "/registry/organisations", json={"organisation_id": "so", "name": "Sở", "sector": "department"}
        )
    )


async def get(client: httpx.AsyncClient, path: str, **params: Any) -> dict[str, Any]:
    return await ok(client.get(f"/reporting/{path}", params={k.rstrip("_"): v for k, v in params.items()}), 200)


async def everything(client: httpx.AsyncClient, path: str, **params: Any) -> list[dict[str, Any]]:
    """Every item, page by page; the total said on each page is theirs."""
    items: list[dict[str, Any]] = []
    after = "0"
    while True:
        page = await get(client, path, after=after, **params)
        assert page["items"] or not items
        items += page["items"]
        if page["next"] is None:
            assert page["total"] == len(items)
            return items
        after = page["next"]


# -- numbers ----------------------------------------------------------------------------------------------------------


async def test_the_province_on_one_page(world: World) -> None:
    page = await get(world.client(), "overview")
    assert page["province"] == {"unit_id": "51", "name": "Tỉnh Quảng Ngãi"}
    assert page["campaign"]["campaign_id"] == CAMPAIGN
    assert [t["code"] for t in page["campaign"]["topics"]] == ["services", "payments"]
    assert page["members"] == {"total": 8, "started": 4, "met": 2}
    assert page["teams"] == {"total": 4, "met": 1}
    counts = {k: page[k] for k in ("citizens", "sessions", "sessions_outside_window", "withdrawn")}
    assert counts == {"citizens": 4, "sessions": 6, "sessions_outside_window": 0, "withdrawn": 1}
    assert page["units"] == {"districts": 13, "communes": 173}
    assert page["courses"] == {"enrolled": 0, "passed": 0, "attempts": 0}
    assert page["days"] == [
        {"day": "2023-07-29", "sessions": 6, "withdrawn": 1}, {"day": "2023-07-30", "sessions": 1, "withdrawn": 0},
    ]  # fmt: skip
    before = await get(world.client(), "overview", campaign="qn-2022")
    assert (before["campaign"]["campaign_id"], before["citizens"], before["members"]["total"]) == ("qn-2022", 0, 0)


async def test_units_have_named_denominators_and_count_what_is_below_them(world: World) -> None:
    districts = {u["unit_id"]: u for u in await everything(world.client(), "units", limit=5)}
    assert len(districts) == 13
    mo_duc, ly_son = districts[MO_DUC], districts[LY_SON]
    named = ("teams", "teams_met", "members", "members_started", "members_met", "citizens", "sessions")
    assert [mo_duc[n] for n in named] == [3, 1, 6, 4, 2, 4, 6]
    assert [ly_son[n] for n in named] == [1, 0, 2, 0, 0, 0, 0]
    communes = {
        u["unit_id"]: u for u in await everything(world.client(), "units", level="commune", within=MO_DUC, limit=4)
    }
    assert [communes[TOWN][n] for n in named] == [1, 1, 2, 2, 2, 4, 4]
    assert [communes[DUC_NHUAN][n] for n in named] == [1, 0, 3, 1, 0, 1, 1]
    assert {u["parent_id"] for u in communes.values()} == {MO_DUC}
    best = await get(world.client(), "units", sort="share", limit=3)
    assert best["items"][0]["unit_id"] == MO_DUC


async def test_units_lie_at_or_below_the_one_that_is_asked_for(world: World) -> None:
    async def ids(**asked: str) -> list[str]:
        return [u["unit_id"] for u in await everything(world.client(), "units", limit=500, **asked)]

    assert len(await ids(level="commune", within="51")) == 173
    assert len(await ids(level="district", within="51")) == 13
    assert await ids(level="district", within=MO_DUC) == [MO_DUC]
    assert await ids(level="commune", within=TOWN) == [TOWN]
    assert await ids(level="commune", within=LY_SON) == []


async def test_every_answer_about_units_says_on_which_map(world: World) -> None:
    for path in ("units", "teams", "members", "overview"):
        assert (await get(world.officer, path))["map"] == "2023-07-30", "today, while the window is open"
        refused(await world.officer.get(f"/reporting/{path}", params={"map": "1/7"}), 422, "no_such_map", "map")
    assert (await get(world.officer, "units", campaign="qn-2022"))["map"] == "2022-08-03", "its last day"


async def test_on_a_map_from_before_there_were_units_everything_is_nowhere(world: World) -> None:
    page, overview = [await get(world.client(), path, map="2019-01-01") for path in ("units", "overview")]
    nowhere = page["rest"][0]
    assert (page["total"], len(page["rest"]), nowhere["unit_id"], nowhere["members"]) == (0, 1, None, 8)
    assert (nowhere["sessions"], nowhere["citizens"]) == (overview["sessions"], overview["citizens"])
    params = {"map": "2019-01-01", "within": MO_DUC}
    refused(await world.client().get("/reporting/units", params=params), 404, "no_such_unit", "within")


async def test_days_are_counted_as_they_happened_and_as_they_were_received(world: World) -> None:
    async def days(**asked: str) -> list[tuple[str, int, int]]:
        items = await everything(world.client(), "daily", limit=1, **asked)
        return [(d["day"][8:], d["sessions"], d["withdrawn"]) for d in items]

    assert await days() == await days(unit="51") == [("29", 6, 1), ("30", 1, 0)]
    assert await days(by="received") == [("30", 7, 1)]
    assert await days(unit=MO_DUC) == [("29", 6, 1), ("30", 1, 0)]
    assert await days(unit=TOWN) == [("29", 5, 1)]
    assert await days(unit=LY_SON, by="received") == []


async def test_course_results_are_listed_by_organisation(world: World) -> None:
    course = {
        "course_id": "dvc", "title": "Dịch vụ công", "pass_mark": 1, "opens_on": "2023-07-28",
        "questions": [{"question_id": "q", "text": "?", "right": ["a"],
                       "options": [{"option_id": o, "text": o} for o in "ab"]}],
    }  # fmt: skip
    await ok(world.officer.post("/courses/courses", json=course), 201)
    last = ""
    for number, answer in enumerate(("a", "b")):
        learner = world.client(Role.LEARNER, subject=f"l{number}", organisation_id="so")
        await ok(learner.post("/courses/courses/dvc/enrolments", json={}), 201)
        sheet = {"attempt_id": f"t{number}", "answers": {"q": [answer]}}
        last = (await ok(learner.post("/courses/courses/dvc/attempts", json=sheet), 201))["pos"]
    page = await get(world.client(), "organisations", min_pos=last)
    assert page["items"] == [
        {"organisation_id": "so", "name": "Sở", "sector": "department", "parent_id": None, "last_day": None,
         "organisations": 1, "headcount": None, "undeclared": 1, "enrolled": 2, "passed": 1, "attempts": 2},
    ]  # fmt: skip
    assert page["on"] == "2023-07-30"
    assert (await get(world.client(), "overview"))["courses"] == {"enrolled": 2, "passed": 1, "attempts": 2}
    for field, status, slug in (("campaign", 422, "invalid_data"), ("within", 404, "no_such_organisation")):
        answer_to = await world.client().get("/reporting/organisations", params={field: "51"})
        refused(answer_to, status, slug, field)


# -- who sees what ----------------------------------------------------------------------------------------------------


async def test_teams_are_shown_to_each_role_within_its_scope(world: World) -> None:
    everywhere = {world.teams[u] for u in (TOWN, DUC_NHUAN, MO_DUC, LY_SON)}
    district = everywhere - {world.teams[LY_SON]}
    town = {world.teams[TOWN]}
    for client, expected in (
        (world.officer, everywhere),
        (world.client(Role.OPERATOR, units=["51"]), everywhere),
        (world.client(Role.DISTRICT_OFFICER, units=[MO_DUC]), district),
        (world.client(Role.DISTRICT_OFFICER, units=[MO_DUC, LY_SON]), everywhere),
        (world.client(Role.COMMUNE_OFFICER, units=[TOWN]), town),
        (world.client(Role.TEAM_LEADER, team_id=world.teams[TOWN], units=["51"]), town),
        (world.client(Role.TEAM_LEADER, units=["51"]), set()),
        (world.client(Role.PROVINCE_OFFICER), set()),
    ):
        assert {t["team_id"] for t in await everything(client, "teams", limit=1)} == expected
    for role in (Role.MEMBER, Role.LEARNER, Role.PARTNER):
        answer = await world.client(role, units=["51"]).get("/reporting/teams")
        refused(answer, 403, "role_not_allowed", "Authorization")


async def test_members_are_shown_to_each_role_within_its_scope(world: World) -> None:
    first, second = world.members[TOWN]
    everyone = {m for members in world.members.values() for m in members}
    for client, expected in (
        (world.officer, everyone),
        (world.client(Role.DISTRICT_OFFICER, units=[LY_SON]), set(world.members[LY_SON])),
        (world.client(Role.DISTRICT_OFFICER, units=[MO_DUC]), everyone - set(world.members[LY_SON])),
        (world.client(Role.COMMUNE_OFFICER, units=[TOWN]), {first, second}),
        (world.client(Role.TEAM_LEADER, team_id=world.teams[TOWN], member_id=first, units=["51"]), {first, second}),
        (world.client(Role.MEMBER, team_id=world.teams[TOWN], member_id=second, units=["51"]), {second}),
        (world.client(Role.MEMBER), set()),
    ):
        assert {m["member_id"] for m in await everything(client, "members", limit=1)} == expected
    for role in (Role.LEARNER, Role.PARTNER):
        answer = await world.client(role, units=["51"]).get("/reporting/members")
        refused(answer, 403, "role_not_allowed", "Authorization")


async def test_a_caller_may_look_closer_but_not_further(world: World) -> None:
    async def seen(client: httpx.AsyncClient, within: str) -> set[str]:
        return {t["team_id"] for t in await everything(client, "teams", within=within)}

    district = world.client(Role.DISTRICT_OFFICER, units=[MO_DUC])
    leader = world.client(Role.TEAM_LEADER, team_id=world.teams[TOWN])
    assert await seen(world.officer, "51") == set(world.teams.values())
    assert await seen(world.officer, LY_SON) == {world.teams[LY_SON]}
    assert await seen(district, MO_DUC) == {world.teams[u] for u in (TOWN, DUC_NHUAN, MO_DUC)}
    assert await seen(district, TOWN) == await seen(district, world.teams[TOWN]) == {world.teams[TOWN]}
    assert await seen(leader, world.teams[TOWN]) == {world.teams[TOWN]}
    for client, outside in (
        (district, LY_SON), (district, "51"), (district, world.teams[LY_SON]), (leader, TOWN),
        (leader, world.teams[DUC_NHUAN]),
    ):  # fmt: skip
        for path in ("teams", "members"):
            answer = await client.get(f"/reporting/{path}", params={"within": outside})
            refused(answer, 403, "outside_your_unit", "within")


async def test_members_come_furthest_from_the_quota_first_and_can_be_chosen_by_it(world: World) -> None:
    members = await everything(world.officer, "members", limit=3)
    reached = [(m["citizens_in_window"], m["member_id"]) for m in members]
    assert reached == sorted(reached)
    assert [m["missing"] for m in members] == [2, 2, 2, 2, 1, 1, 0, 0]
    behind = await everything(world.officer, "members", below_quota=True, limit=2)
    assert behind == members[:6]
    page = await get(world.officer, "members", within=TOWN)
    assert page["quota"] == 2
    assert {(m["citizens_in_window"], m["sessions_in_window"], m["missing"]) for m in page["items"]} == {(2, 2, 0)}
    assert sorted(m["withdrawn"] for m in page["items"]) == [0, 1]


async def test_what_is_not_there_is_not_found(world: World) -> None:
    for path in ("overview", "units", "teams", "members", "daily"):
        answer = await world.officer.get(f"/reporting/{path}", params={"campaign": "none"})
        refused(answer, 404, "no_such_campaign", "campaign")
    for path, name in (("units", "within"), ("teams", "within"), ("members", "within"), ("daily", "unit")):
        answer = await world.officer.get(f"/reporting/{path}", params={name: "99999"})
        refused(answer, 404, "no_such_unit", name)


# -- how far the numbers are ------------------------------------------------------------------------------------------


async def test_people_see_what_they_just_saved(world: World) -> None:
    island = world.members[LY_SON][0]
    for number in range(1, 21):
        saved = await send(world.officer, an_item(island, occurred_at="2023-07-28T08:00:00+07:00"))
        seen = await get(world.officer, "members", within=LY_SON, min_pos=saved["pos"])
        assert max(m["sessions"] for m in seen["items"]) == number


@pytest.mark.parametrize("path", ["overview", "units", "teams", "members", "organisations", "daily"])
async def test_a_position_of_the_future_is_not_reached_yet(
    world: World, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    service = world.running.services["reporting"]
    monkeypatch.setattr(service, "settings", service.settings.model_copy(update={"read_wait_seconds": 0.1}))
    answer = await world.officer.get(f"/reporting/{path}", params={"min_pos": "registry:1,outreach:999999"})
    refused(answer, 503, "read_model_behind", "min_pos")
    assert answer.headers["retry-after"] == "1"
    for nonsense in ("outreach", "outreach:-1", "weather:1", "outreach:" + "9" * 20):
        wrong = await world.officer.get(f"/reporting/{path}", params={"min_pos": nonsense})
        refused(wrong, 422, "invalid_data", "min_pos")


async def test_every_answer_says_how_far_it_is(world: World) -> None:
    await world.running.caught_up()

    async def level() -> bool:
        state = (await get(world.client(), "overview"))["read_model"]
        return bool(state["state"] == "live" and state["lag"] == 0)

    await eventually(level, what="the numbers are live")
    positions = {s: len(await world.running.log(s)) for s in ("registry", "outreach", "courses")}
    for path in ("units", "teams", "members", "organisations", "daily"):
        state = (await get(world.officer, path))["read_model"]
        assert (state["state"], state["parked"], state["positions"]) == ("live", 0, positions)
        assert state["stale_seconds"] < 10


async def test_the_same_answer_over_the_bus(world: World) -> None:
    await world.running.caught_up()
    client = world.running.services["registry"].client
    subject = bus.query_subject("51", "reporting", "overview")
    over_bus = json.loads((await client.request(subject, b"{}", timeout=5)).data)
    over_http = await get(world.client(), "overview")
    for answer in (over_bus, over_http):
        assert answer["read_model"].pop("stale_seconds") < 10
        del answer["read_model"]["lag"]
    assert over_bus == over_http


async def test_a_window_is_open_then_closed_and_says_how_long(world: World) -> None:
    clock = world.running.services["reporting"].clock
    assert isinstance(clock, HandClock)
    try:
        for now, expected in (
            (datetime(2023, 7, 27, 23, 59, 59, tzinfo=VIETNAM), ("before", None)),
            (datetime(2023, 7, 28, 0, 0, 0, tzinfo=VIETNAM), ("open", 7 * 86400)),
            (datetime(2023, 8, 3, 23, 59, 59, tzinfo=VIETNAM), ("open", 1)),
            (datetime(2023, 8, 4, 0, 0, 0, tzinfo=VIETNAM), ("closed", 0)),
        ):
            clock.now = now
            page = await get(world.client(), "overview")
            assert (page["window"], page["seconds_left"]) == expected
            assert page["now"] == now.isoformat()
    finally:
        clock.now = NOW


async def test_before_anything_happened_there_is_a_page_and_no_campaign(postgres: Postgres, guarded_nats: Nats) -> None:
    async with stack(REPORTING, postgres=postgres, nats=guarded_nats, clock=HandClock(NOW)) as running:
        page = await get(running.client(), "overview")
        assert (page["campaign"], page["window"], page["days"], page["citizens"]) == (None, "before", [], 0)
        assert page["province"] == {"unit_id": "51", "name": "—"}
        refused(await running.client().get("/reporting/units"), 404, "no_such_campaign", "campaign")


async def test_an_event_set_aside_degrades_every_answer_and_holds_up_no_other(
    postgres: Postgres, fresh_nats: Callable[..., Awaitable[Nats]]
) -> None:
    nats = await fresh_nats(nats_config())
    specs = (REGISTRY, OUTREACH, REPORTING)
    async with stack(*specs, postgres=postgres, nats=nats, clock=HandClock(NOW)) as running:
        officer = running.client(Role.PROVINCE_OFFICER, units=["51"])
        loaded = await ok(officer.post("/registry/editions/2023"), 201)
        _, [member], _ = await team_of(officer)
        campaign = a_campaign(campaign_id=CAMPAIGN)
        await ok(officer.post("/outreach/campaigns", json=campaign, params={"min_pos": loaded["pos"]}), 201)
        await running.caught_up()
        never_counted = GuidanceWithdrawn(
            occurred_at=NOW, guidance_id="ghost", campaign_id=CAMPAIGN, member_id=member, team_id="t", citizen_ref="c",
            topics=("services",), unit_id=TOWN, district_id=MO_DUC, commune_id=TOWN, guided_at=NOW,
            reason=WithdrawReason.DUPLICATE,
        )  # fmt: skip
        outreach = running.services["outreach"]
        async with outreach.pool.acquire() as conn, conn.transaction():
            ids = outreach.new_id
            await event_log.append(conn, [never_counted], province="51", recorded_at=NOW, new_id=ids)
        saved = await send(officer, an_item(member))
        for path in ("overview", "units", "teams", "members", "organisations", "daily"):
            state = (await get(officer, path, min_pos=saved["pos"]))["read_model"]
            assert (state["state"], state["parked"]) == ("degraded", 1)
        page = await get(officer, "overview")
        assert (page["citizens"], page["sessions"], page["withdrawn"]) == (1, 1, 0)
