"""The same folds through the engine on a real Postgres: any cut, any order across streams, anything sent twice.

And the queries over the rows it leaves: each answer is what the sets of live guidances say.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from services.reporting import store
from services.reporting.app import SPEC
from services.reporting.projections import PROJECTIONS
from services.reporting.projections.progress_rows import CampaignRow
from shared import db
from shared.contracts import Event, Recorded
from shared.contracts.outreach import CampaignLaunched, CitizenGuided, GuidanceWithdrawn
from shared.contracts.registry import MemberJoined, MemberLeft, TeamFormed
from shared.db import Conn, Pool
from shared.event_log import LogRow
from shared.follow import Batch, Message
from shared.projection import fold_all
from shared.projection import store as engine_store
from shared.projection.engine import Engine
from shared.relay import Source, header_block
from tests.support import delivery
from tests.support.histories import DISTRICT_OF, MIDNIGHT, batches, histories, merged
from tests.unit.reporting import model
from tests.unit.reporting.model import Facts

EVERYWHERE = [None, ["D1"], ["C1"], ["D3"], ["T0"], ["C2", "D2"]]
COMMUNES = ["C1", "C2", "C3"]


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
    launched = CampaignLaunched.model_validate(
        {"occurred_at": MIDNIGHT, "campaign_id": "K", "name": "K", "launched_on": "2023-07-28", "window_days": 7,
         "day_one_rule": "ceremony_day", "first_day": "2023-07-28", "last_day": "2023-08-03", "quota": 1,
         "report_due_on": "2023-08-15", "reporting_unit_ids": [],
         "topics": [{"code": "a", "name_vi": "a", "name_en": "a"}]}
    )  # fmt: skip
    done = [
        CitizenGuided.model_validate(
            {**place, "occurred_at": MIDNIGHT, "guidance_id": m, "campaign_id": "K", "member_id": m,
             "team_id": "of-two", "citizen_ref": m, "topics": ["a"], "place": "home"}
        ) for m in days
    ]  # fmt: skip

    await apply(pool, [recorded("registry", registry), recorded("outreach", [launched, *done[:2]])])
    assert await province(pool) == (2, 1, 1, 2, 0)
    await apply(pool, [recorded("registry", registry), recorded("outreach", [launched, *done])])
    assert await province(pool) == (2, 2, 2, 2, 1)
    async with pool.acquire() as conn:
        campaign = await store.campaign(conn, "K")
        assert campaign is not None
        assert await store.members(conn, campaign, store.MembersChosen(None, True), page=(0, 9)) == []


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
    people = Quota(facts, campaign)
    assert await store.province_counts(conn, campaign) == (
        *people.counts(people.members),
        *people.teams_met(people.teams),
    )
    for level, units in (("district", ["D1", "D2", "D3"]), ("commune", COMMUNES)):
        found = {u.unit_id: u for u in await store.units(conn, campaign, level, None, sort="id", page=(0, 500))}
        assert {u: (n.members, n.members_started, n.members_met, n.teams, n.teams_met, n.citizens, n.sessions)
                for u, n in found.items()} == {u: people.unit(u) for u in units}  # fmt: skip
    for scope in EVERYWHERE:
        await compare_lists(conn, campaign, scope, people)
    for unit_id in (None, "D1", "C1", "D3"):
        for by in ("occurred", "received"):
            found_days = await store.days(conn, campaign.campaign_id, by=by, unit_id=unit_id)
            assert found_days == daily(facts, campaign.campaign_id, by, unit_id)


async def compare_lists(conn: Conn, campaign: CampaignRow, scope: list[str] | None, people: Quota) -> None:
    teams = await store.teams(conn, campaign, within=scope, page=(0, 500))
    assert await store.count_teams(conn, within=scope) == len(teams)
    expected_teams = [t for t in people.teams if scope is None or {t.team_id, t.unit_id, t.district_id} & set(scope)]
    assert [(t.team_id, (t.members, t.members_started, t.members_met)) for t in teams] == [
        (t.team_id, people.counts([m for m in people.members if m.team_id == t.team_id]))
        for t in sorted(expected_teams, key=lambda t: (t.unit_id, t.team_id))
    ]
    for below in (False, True):
        chosen = store.MembersChosen(scope, below)
        found = await store.members(conn, campaign, chosen, page=(0, 500))
        assert await store.count_members(conn, campaign, chosen) == len(found)
        assert [(m.citizens_in_window, m.member_id) for m in found] == sorted(
            (people.reached(m), m.member_id) for m in people.members
            if (scope is None or {m.team_id, m.unit_id, m.district_id} & set(scope))
            and not (below and people.reached(m) >= campaign.quota)
        )  # fmt: skip


class Quota:
    """Members of the window, and what they reached."""

    def __init__(self, facts: Facts, campaign: CampaignRow) -> None:
        self._facts, self._campaign = facts, campaign
        left = {e.member_id: e.left_on for e in facts.of(MemberLeft)}
        self.teams: list[TeamFormed] = facts.of(TeamFormed)
        self.members: list[MemberJoined] = [
            m for m in facts.of(MemberJoined)
            if m.joined_on <= campaign.last_day and left.get(m.member_id, date.max) >= campaign.first_day
        ]  # fmt: skip

    def reached(self, member: MemberJoined) -> int:
        """Distinct citizens in the window."""
        return self._facts.citizens(self._facts.counting, self._campaign.campaign_id, member_id=member.member_id)

    def counts(self, members: list[MemberJoined]) -> tuple[int, int, int]:
        """All, started, met."""
        reached = [self.reached(m) for m in members]
        return len(reached), sum(n > 0 for n in reached), sum(n >= self._campaign.quota for n in reached)

    def teams_met(self, teams: list[TeamFormed]) -> tuple[int, int]:
        """All, and those with members who all met."""
        reached = [[self.reached(m) for m in self.members if m.team_id == t.team_id] for t in teams]
        return len(teams), sum(bool(team) and min(team) >= self._campaign.quota for team in reached)

    def unit(self, unit_id: str) -> tuple[Any, ...]:
        """Members and teams of a unit, citizens and sessions."""
        live = self._facts.some(self._facts.live, self._campaign.campaign_id)
        here = [g for g in live if unit_id in model.counted_at(g)]
        members = [m for m in self.members if unit_id in {m.unit_id, DISTRICT_OF[m.unit_id]}]
        teams = [t for t in self.teams if unit_id in {t.unit_id, DISTRICT_OF[t.unit_id]}]
        return *self.counts(members), *self.teams_met(teams), len({g.citizen_ref for g in here}), len(here)


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
