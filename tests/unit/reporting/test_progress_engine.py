"""The same folds through the engine on a real Postgres: any cut, any order across streams, anything sent twice.

And the queries over the rows it leaves: each answer is what the sets of live guidances say.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from services.reporting import mapped, store
from services.reporting.app import SPEC
from services.reporting.projections import PROJECTIONS
from services.reporting.projections.progress_rows import CampaignRow
from shared import db
from shared.cloudevents import Message
from shared.contracts import Event, Recorded
from shared.contracts.outreach import CampaignLaunched, CitizenGuided, GuidanceWithdrawn
from shared.contracts.registry import MemberJoined, MemberLeft, TeamFormed, UnitEstablished
from shared.db import Conn, Pool
from shared.event_log import LogRow
from shared.follow import Batch
from shared.projection import fold_all
from shared.projection import store as engine_store
from shared.projection.engine import Engine
from shared.relay import Source, header_block
from tests.support import delivery
from tests.support.histories import LAUNCH, MIDNIGHT, batches, histories, merged
from tests.unit.reporting.map_model import MapModel
from tests.unit.reporting.model import Facts


@pytest.fixture
async def pool(database: Callable[..., Awaitable[str]]) -> AsyncIterator[Pool]:
    """One database for all examples; each makes builds of its own."""
    opened = await db.open_pool(await database(*SPEC.folders), size=2)
    yield opened
    opened.terminate()


@given(st.data())
@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.generate],  # a failure is shown as it was found: making it smaller would take minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_replay_equals_live_and_every_answer_is_what_the_sets_say(pool: Pool, data: st.DataObject) -> None:
    history = data.draw(histories(guidances=(30, 60)))
    cut = data.draw(batches(data.draw(merged(list(history)))))
    await apply(pool, cut, again=3)
    for projection in PROJECTIONS:
        assert await delivery.read_model(pool, projection) == fold_all(projection, history.all())
    async with pool.acquire() as conn:
        for launched in Facts(history.all()).campaigns.values():
            await compare_answers(conn, launched, Facts(history.all()))


LAUNCHED = CampaignLaunched.model_validate(
    {"occurred_at": MIDNIGHT, "campaign_id": "K", "name": "K", "launched_on": "2023-07-28", "window_days": 7,
     "day_one_rule": "ceremony_day", "first_day": "2023-07-28", "last_day": "2023-08-03", "quota": 1,
     "report_due_on": "2023-08-15", "reporting_unit_ids": [],
     "topics": [{"code": "a", "name_vi": "a", "name_en": "a"}]}
)  # fmt: skip


async def test_who_is_a_member_of_the_window_and_which_team_met_its_quota(pool: Pool) -> None:
    """The window is 28/7 to 3/8, its quota one citizen."""
    place = {"unit_id": "C1", "district_id": "D1", "commune_id": "C1"}
    days = {
        "left-before": ("2023-07-01", "2023-07-27"), "left-on-the-first": ("2023-07-01", "2023-07-28"),
        "joined-on-the-last": ("2023-08-03", None), "joined-after": ("2023-08-04", None),
    }  # fmt: skip
    registry: list[Event] = [
        TeamFormed.model_validate(
            {**place, "occurred_at": MIDNIGHT, "team_id": t, "name": t, "level": "commune", "decision_number": "1",
             "decision_date": "2023-06-01", "formed_on": "2023-06-01"}
        ) for t in ("with-nobody", "of-two")
    ]  # fmt: skip
    for member_id, (joined_on, left_on) in days.items():
        facts = {**place, "occurred_at": MIDNIGHT, "member_id": member_id, "team_id": "of-two"}
        registry.append(MemberJoined.model_validate({**facts, "role": "member", "joined_on": joined_on}))
        if left_on:
            registry.append(MemberLeft.model_validate({**facts, "left_on": left_on, "reason": "moved"}))
    done = [
        CitizenGuided.model_validate(
            {**place, "occurred_at": MIDNIGHT, "guidance_id": m, "campaign_id": "K", "member_id": m,
             "team_id": "of-two", "citizen_ref": m, "topics": ["a"], "place": "home"}
        ) for m in days
    ]  # fmt: skip

    await apply(pool, [recorded("registry", registry), recorded("outreach", [LAUNCHED, *done[:2]])])
    assert await province(pool) == (2, 1, 1, 2, 0)
    await apply(pool, [recorded("registry", registry), recorded("outreach", [LAUNCHED, *done])])
    assert await province(pool) == (2, 2, 2, 2, 1)
    async with pool.acquire() as conn:
        campaign = await store.campaign(conn, "K")
        assert campaign is not None
        assert await store.members(conn, campaign, store.MembersChosen(store.Whose(), True), LAUNCH, page=(0, 9)) == []


async def test_a_districts_own_team_without_guidances_does_not_show_its_communes(pool: Pool) -> None:
    """By communes, a district's own team is beside the map: what its communes did is not its own."""
    at_commune = {"unit_id": "C1", "level": "commune", "district_id": "D1", "commune_id": "C1"}
    at_district = {"unit_id": "D1", "level": "district", "district_id": "D1"}
    units = [("51", "province", {}), ("D1", "district", {"parent_id": "51", "district_id": "D1"}),
             ("C1", "commune", {"parent_id": "D1", "district_id": "D1", "commune_id": "C1"})]  # fmt: skip
    registry: list[Event] = [
        UnitEstablished.model_validate(
            {**of, "occurred_at": MIDNIGHT, "unit_id": i, "code": i, "name": i, "kind": "x", "level": level,
             "edition": "2023", "valid_from": "2020-01-01"}
        ) for i, level, of in units
    ]  # fmt: skip
    registry += [
        TeamFormed.model_validate(
            {**at, "occurred_at": MIDNIGHT, "team_id": t, "name": t, "decision_number": "1",
             "decision_date": "2023-06-01", "formed_on": "2023-06-01"}
        ) for t, at in (("of-c1", at_commune), ("of-d1", at_district))
    ]  # fmt: skip
    guided = CitizenGuided.model_validate(
        {**at_commune, "occurred_at": MIDNIGHT, "guidance_id": "g", "campaign_id": "K", "member_id": "m",
         "team_id": "of-c1", "citizen_ref": "c", "topics": ["a"], "place": "home"}
    )  # fmt: skip
    await apply(pool, [recorded("registry", registry), recorded("outreach", [LAUNCHED, guided])])
    async with pool.acquire() as conn:
        campaign = await store.campaign(conn, "K")
        assert campaign is not None
        service: Any = SimpleNamespace(extras={}, province="51")
        asked = mapped.Asked(campaign, await mapped.map_of(service, conn, campaign.last_day), "commune")
        found = await mapped.lines(service, conn, asked, with_rest=True)
    sums = {line.unit.unit_id: tuple(line.total) for line in (*found.units, *found.rest) if line.unit}
    assert sums == {"C1": (1, 1), "D1": (0, 0)}


def recorded(stream: str, events: list[Event]) -> list[Recorded]:
    return [Recorded(stream, n, f"{stream}-{n}", MIDNIGHT, event) for n, event in enumerate(events, 1)]


async def province(pool: Pool) -> store.ProvinceCounts:
    async with pool.acquire() as conn:
        campaign = await store.campaign(conn, "K")
        assert campaign is not None
        return await store.province_counts(conn, campaign)


async def apply(pool: Pool, cut: Iterable[list[Recorded]], again: int = 0) -> None:
    """Batch after batch; one of `again` comes once more, at once and in a batch that begins too early."""
    async with pool.acquire() as conn:
        builds = {p: await engine_store.begin_build(conn, p) for p in PROJECTIONS}
        for projection, build in builds.items():
            await engine_store.show(conn, projection, build)
    engine, before = Engine(pool, "reporting", builds), dict[str, list[Recorded]]()
    await engine.refresh()
    for number, records in enumerate(cut):
        await engine.apply(batch(records))
        if again and number % again == 1:
            await engine.apply(batch(records))
            await engine.apply(batch([*before.get(records[0].stream, []), *records]))
        before[records[0].stream] = records


def batch(records: list[Recorded]) -> Batch:
    """As it comes from the stream."""
    messages = [message(r) for r in records]
    return Batch(records[0].stream, records[0].pos, records[-1].pos, 0, messages)


def message(of: Recorded) -> Message:
    event, payload = of.event, of.event.model_dump_json()
    facts = (of.pos, of.id, event.type_name(), event.subject("51"), event.key(), event.occurred_at, of.recorded_at)
    row = LogRow(*facts, "", payload)
    return Message(of.pos, payload.encode(), header_block(row, Source(of.stream, "51")))


async def compare_answers(conn: Conn, launched: CampaignLaunched, facts: Facts) -> None:
    campaign = await store.campaign(conn, launched.campaign_id)
    assert campaign is not None
    numbers = MapModel(facts, campaign)
    assert await store.province_counts(conn, campaign) == numbers.province()
    for day in numbers.days():
        await compare_maps(conn, campaign, day, numbers)
    await compare_lists(conn, campaign, numbers)
    for unit_id in (None, "D1", "C1", "D3", "C4"):
        for by in ("occurred", "received"):
            found_days = await store.days(conn, campaign.campaign_id, by=by, unit_id=unit_id)
            assert found_days == daily(facts, campaign.campaign_id, by, unit_id)


async def compare_maps(conn: Conn, campaign: CampaignRow, day: date, numbers: MapModel) -> None:
    """On the map of any day: each unit, what is besides them, and all of it together."""
    service: Any = SimpleNamespace(extras={}, province="51")
    on = await mapped.map_of(service, conn, day)
    assert {u: on.key(on.units[u], "district") for u in on.units} == numbers.districts_on(day)
    for level in ("district", "commune"):
        for within in (None, "D1", "51"):
            asked = mapped.Asked(campaign, on, level, within)
            found = await mapped.lines(service, conn, asked, with_rest=True)
            units = {line.unit.unit_id: (*line.counts, *line.total) for line in found.units if line.unit}
            rest = {line.unit.unit_id if line.unit else "": (*line.counts, *line.total) for line in found.rest}
            assert (units, rest) == numbers.lines(day, level, within)
            plain = await mapped.lines(service, conn, asked, with_rest=False)
            assert (plain.units, plain.rest) == (found.units, [])
            if within != "D1":
                sessions = sum(line.total.sessions for line in (*found.units, *found.rest))
                assert sessions == (await store.totals(conn, campaign.campaign_id))["sessions"]


async def compare_lists(conn: Conn, campaign: CampaignRow, numbers: MapModel) -> None:
    for ids in (None, [], ["T0"], ["T1", "T2"]):
        whose = store.Whose(ids)
        teams = await store.teams(conn, campaign, whose, campaign.last_day, page=(0, 500))
        assert await store.count_teams(conn, campaign, whose) == len(teams)
        assert {t.team_id: (t.members, t.members_started, t.members_met, t.sessions) for t in teams} == {
            t: numbers.team(t) for t in numbers.teams if ids is None or t in ids
        }
        for below in (False, True):
            chosen = store.MembersChosen(whose, below)
            found = await store.members(conn, campaign, chosen, campaign.last_day, page=(0, 500))
            assert await store.count_members(conn, campaign, chosen) == len(found)
            assert [(m.citizens_in_window, m.member_id, m.team_ids) for m in found] == sorted(
                (numbers.reached(m), m, sorted(teams)) for m, teams in numbers.people.items()
                if (ids is None or teams & set(ids)) and not (below and numbers.reached(m) >= campaign.quota)
            )  # fmt: skip
    [one] = sorted(numbers.people)[:1] or ["nobody"]
    alone = store.MembersChosen(store.Whose(member_ids=[one]), False)
    shown = await store.members(conn, campaign, alone, campaign.last_day, page=(0, 9))
    assert [m.member_id for m in shown] == sorted(numbers.people)[:1]


def daily(facts: Facts, campaign_id: str, by: str, unit_id: str | None) -> list[dict[str, Any]]:
    """Guidances and withdrawals by the day of the guidance, or by the days on which word of them came."""
    days: dict[date, list[int]] = {}
    for kind, column in ((CitizenGuided, 0), (GuidanceWithdrawn, 1)):
        for record in facts.records:
            event = record.event
            if not isinstance(event, kind) or event.campaign_id != campaign_id:
                continue
            if unit_id and unit_id not in {event.unit_id, event.district_id}:
                continue
            happened = event.guided_at if isinstance(event, GuidanceWithdrawn) else event.occurred_at
            day = (record.recorded_at if by == "received" else happened) + timedelta(hours=7)
            days.setdefault(day.date(), [0, 0])[column] += 1
    return [{"day": day, "sessions": n[0], "withdrawn": n[1]} for day, n in sorted(days.items())]
