"""The simulated province: the same for the same seed, plausible, and safe to send again."""

import asyncio
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from phongtrao import course, demo_names, guiding, learning, province
from phongtrao.actions import Action
from phongtrao.campaign import TOPICS, launch_body, organisations
from phongtrao.client import Api
from phongtrao.demo_clock import END, MORNING, DemoClock, Moment, load, save
from phongtrao.player import Player
from phongtrao.province import LAUNCH, Team, Unit
from phongtrao.simulate import RESENT, Plan, remaining
from services.registry.load_edition import read
from shared.auth import Caller, Role
from shared.clock import local_day

SEED = 2023
SOMEONE = Caller("someone", frozenset([Role.MEMBER]), ())


@pytest.fixture(scope="module")
def units() -> list[Unit]:
    return [Unit(u.unit_id, u.name, u.kind, u.level.value, u.parent_id) for u in read("2023")]


@pytest.fixture(scope="module")
def teams(units: list[Unit]) -> list[Team]:
    return province.teams(units, SEED)


@pytest.fixture(scope="module")
def actions(teams: list[Team]) -> list[Action]:
    return [action for team in teams for action in guiding.actions(team, SEED)]


def items(actions: list[Action]) -> dict[str, tuple[Action, dict[str, object]]]:
    """Each guidance once, however often it is sent, with the action that sends it first."""
    found: dict[str, tuple[Action, dict[str, object]]] = {}
    for action in sorted(actions, key=lambda a: a.at):
        for item in action.body.get("items", ()):
            found.setdefault(item["guidance_id"], (action, item))
    return found


def test_the_same_seed_gives_the_same_plan_and_another_seed_another(units: list[Unit], teams: list[Team]) -> None:
    assert province.teams(units, SEED) == teams
    assert guiding.actions(teams[5], SEED) == guiding.actions(teams[5], SEED)
    assert province.teams(units, 1)[5].team_id != teams[5].team_id


def test_every_district_and_every_commune_has_a_team_decided_before_the_launch(
    units: list[Unit], teams: list[Team]
) -> None:
    for level in ("district", "commune"):
        wanted = {u.unit_id for u in units if u.level == level}
        assert {t.unit.unit_id for t in teams if t.level == level} == wanted
    assert sum(t.level == "village" for t in teams) > 20
    assert all(t.decision_date <= t.formed_on < LAUNCH for t in teams)
    assert all(3 <= len(t.members) <= 10 for t in teams)


def test_a_share_of_the_teams_are_the_same_teams_and_keeps_the_personas_home(teams: list[Team]) -> None:
    few = province.some(teams, 0.05, SEED)

    assert len(few) == round(len(teams) * 0.05)
    assert set(few) <= set(teams)
    assert few[0].unit.unit_id == province.DEMO_UNIT


def test_leaders_were_there_before_and_stay(teams: list[Team]) -> None:
    for team in teams:
        assert [m.role for m in team.members].count("leader") == 1
        assert team.leader.joined_on < LAUNCH
        assert team.leader.left_on is None
    changes = [m for t in teams for m in t.members if m.left_on or m.joined_on > LAUNCH]
    assert 10 < len(changes) < 120


def test_nobody_guides_before_the_ceremony_or_while_not_on_the_team(teams: list[Team], actions: list[Action]) -> None:
    members = {m.member_id: m for t in teams for m in t.members}
    for action, item in items(actions).values():
        at = datetime.fromisoformat(str(item["occurred_at"]))
        member = members[str(item["member_id"])]
        assert at >= MORNING + timedelta(hours=1)
        assert member.joined_on <= local_day(at)
        assert member.left_on is None or local_day(at) <= member.left_on
        assert action.at > at, "nothing is sent before it happened"


def test_those_who_join_or_leave_in_the_campaign_say_so_to_registry(teams: list[Team], actions: list[Action]) -> None:
    joins = {a.body["member_id"]: a for a in actions if a.path.endswith("/members")}
    leaves = {a.path.split("/")[3]: a for a in actions if a.path.endswith("/leave")}
    first = {str(item["member_id"]): action for action, item in reversed(items(actions).values())}

    assert set(joins) == {m.member_id for t in teams for m in t.members if m.joined_on > LAUNCH}
    assert set(leaves) == {m.member_id for t in teams for m in t.members if m.left_on}
    assert all(first[m].at > joins[m].at for m in joins if m in first)
    assert all(a.key for a in leaves.values())


def test_most_members_reach_their_seven_and_districts_differ(teams: list[Team], actions: list[Action]) -> None:
    guided: dict[str, set[str]] = defaultdict(set)
    for _, item in items(actions).values():
        if local_day(datetime.fromisoformat(str(item["occurred_at"]))) <= LAUNCH + timedelta(days=6):
            guided[str(item["member_id"])].add(str(item["citizen"]))
    shares = {}
    for district in {t.district_id for t in teams}:
        people = [m.member_id for t in teams if t.district_id == district for m in t.members]
        shares[district] = sum(len(guided[m]) >= 7 for m in people) / len(people)

    assert 0.5 < sum(shares.values()) / len(shares) < 0.85
    assert max(shares.values()) - min(shares.values()) > 0.25
    mountains = [share for district, share in shares.items() if district in demo_names.MOUNTAIN_DISTRICTS]
    assert sum(mountains) / len(mountains) < sum(shares.values()) / len(shares)


def test_evenings_are_busier_than_mornings(actions: list[Action]) -> None:
    hours = Counter(datetime.fromisoformat(str(item["occurred_at"])).hour for _, item in items(actions).values())

    assert sum(hours[h] for h in (18, 19, 20, 21)) > 1.5 * sum(hours[h] for h in (7, 8, 9, 10))


def test_some_come_late_some_again_some_are_withdrawn_and_some_citizens_twice(actions: list[Action]) -> None:
    found = items(actions)
    after = sum(local_day(a.at) > LAUNCH + timedelta(days=6) for a, _ in found.values())
    withdrawn = [a for a in actions if a.path.endswith("/withdraw")]
    sent = Counter(str(item) for a in actions for item in a.body.get("items", ()))
    citizens = Counter(str(item["citizen"]) for _, item in found.values())

    assert 0.02 < after / len(found) < 0.2
    assert 0.005 < len(withdrawn) / len(found) < 0.02
    assert 0.01 < sum(n > 1 for n in sent.values()) / len(found) < 0.08
    assert 0.015 < sum(n - 1 for n in citizens.values()) / len(found) < 0.05


def test_a_withdrawal_comes_after_what_it_withdraws(actions: list[Action]) -> None:
    found = items(actions)
    for action in actions:
        if action.path.endswith("/withdraw"):
            assert found[action.path.split("/")[3]][0].at < action.at


def test_a_batch_sent_again_is_the_same_batch(actions: list[Action]) -> None:
    bodies: dict[str, str] = {}
    for action in actions:
        for item in action.body.get("items", ()):
            assert bodies.setdefault(item["guidance_id"], str(item)) == str(item)


def test_phones_are_fictional_and_belong_to_one_team(teams: list[Team], actions: list[Action]) -> None:
    owner: dict[str, str] = {}
    for action in actions:
        for item in action.body.get("items", ()):
            if phone := item["citizen"].get("phone"):
                assert phone.startswith(demo_names.FICTIONAL_PREFIX)
                assert owner.setdefault(phone, action.lane) == action.lane
    own = [m.phone for t in teams for m in t.members]
    assert len(set(own)) == len(own)
    assert set(own).isdisjoint(owner)


def test_the_campaign_is_the_one_of_the_plan() -> None:
    body = launch_body(["533", "522"])

    assert (body["launched_on"], body["window_days"], body["quota"], body["report_due_on"]) == (
        "2023-07-28", 7, 7, "2023-08-15",
    )  # fmt: skip
    assert len(TOPICS) == 5
    assert len(organisations()) == 46


def test_about_seven_learners_in_ten_pass_at_the_first_try() -> None:
    ids = organisations()
    plan = learning.actions(ids, [str(n) for n in range(100)], SEED)
    first: dict[str, bool] = {}
    right = {q["question_id"]: q["right"] for q in course.publish_body()["questions"]}
    for action in plan:
        if answers := action.body.get("answers"):
            score = sum(answers[q] == r for q, r in right.items())
            first.setdefault(action.lane, score >= course.PASS_MARK)

    assert 0.65 < sum(first.values()) / len(first) < 0.75
    assert plan == sorted(plan, key=lambda a: a.at)


def test_a_sheet_has_exactly_the_wrong_answers_that_were_asked_for() -> None:
    right = course.sheet(frozenset())
    sheet = course.sheet(frozenset([0, 7]))

    assert [q for q in right if right[q] != sheet[q]] == ["q1", "q8"]


def test_the_clock_stands_until_it_is_let_go_and_is_stored_with_its_place(tmp_path: Path) -> None:
    clock = DemoClock(MORNING, 100_000)
    assert clock() == clock() == MORNING
    clock.go()
    while clock() < MORNING + timedelta(hours=1):
        pass
    moment = Moment(clock(), MORNING, 7, 0.5, ready=True)
    save(tmp_path / "clock.json", moment)

    assert load(tmp_path / "clock.json", Moment()) == moment
    assert load(tmp_path / "other.json", Moment(seed=9)) == Moment(seed=9)


def test_after_a_restart_the_last_minutes_are_sent_again() -> None:
    plan = Plan([], [], [action(MORNING + timedelta(minutes=n)) for n in range(60)])

    left = remaining(plan, MORNING + timedelta(minutes=30))

    assert left[0].at == MORNING + timedelta(minutes=30) - RESENT
    assert len(left) == 35


class Phonebook:
    """An HTTP server in memory that notes what it was sent, and is busy now and then."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int, str | None]] = []
        self.busy = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        import json

        if self.busy:
            self.busy -= 1
            return httpx.Response(503, json={})
        body = json.loads(request.content)
        self.seen.append((body["lane"], body["n"], request.url.params.get("min_pos")))
        pos = f"registry:{body['n']}" if "/registry/" in request.url.path else "outreach:1"
        return httpx.Response(200, json={"pos": pos, "receipts": [{"result": "accepted"}]})


def api_of(server: Phonebook) -> Api:
    api = Api("http://phone", lambda _: "token")
    api._client = httpx.AsyncClient(base_url="http://phone", transport=httpx.MockTransport(server))
    return api


def action(at: datetime, lane: str = "a", n: int = 0, path: str = "/outreach/guidances") -> Action:
    return Action(at, lane, path, {"lane": lane, "n": n}, SOMEONE)


async def test_lanes_keep_their_order_and_busy_servers_are_asked_again() -> None:
    server = Phonebook()
    server.busy = 3
    plan = [action(MORNING, lane, n) for n in range(5) for lane in "abcdefghijk"]

    async with api_of(server) as api:
        player = Player(api, lambda: datetime.max.replace(tzinfo=UTC))
        await player.play(plan)

    for lane in "abcdefghijk":
        numbers = [n for seen, n, _ in server.seen if seen == lane]
        assert all(a < b for a, b in pairwise(numbers))
        assert numbers == list(range(5))
    assert api.counts["again"] == 3
    assert api.counts["accepted"] == len(plan)
    assert player.played(MORNING) == MORNING


async def test_what_is_unanswered_is_not_played_yet() -> None:
    server = Phonebook()
    server.busy = 1_000_000
    plan = [action(MORNING + timedelta(minutes=n), "a", n) for n in range(3)]

    async with api_of(server) as api:
        player = Player(api, lambda: datetime.max.replace(tzinfo=UTC))
        task = asyncio.create_task(player.play(plan))
        await asyncio.sleep(0.3)
        before = player.played(MORNING - timedelta(days=1))
        server.busy = 0
        await task

    assert before == MORNING
    assert player.played(MORNING) == MORNING + timedelta(minutes=2)


async def test_a_player_that_is_stopped_sends_nothing_more_but_waits_for_its_answers() -> None:
    server = Phonebook()
    server.busy = 2
    plan = [action(MORNING, "a", n) for n in range(5)] + [action(datetime.max.replace(tzinfo=UTC), "a", 5)]

    async with api_of(server) as api:
        player = Player(api, lambda: MORNING)
        task = asyncio.create_task(player.play(plan))
        await asyncio.sleep(0.05)
        player.stop()
        async with asyncio.timeout(5):
            await task

    assert [n for _, n, _ in server.seen] == [0]
    assert player.played(END) == MORNING, "what was not sent is not played"


async def test_the_next_guidance_waits_until_outreach_knows_what_registry_recorded() -> None:
    server = Phonebook()
    join = "/registry/teams/a/members"
    plan = [action(MORNING, "a", 41, join), action(MORNING, "a", 2), action(MORNING, "a", 3)]

    async with api_of(server) as api:
        await Player(api, lambda: datetime.max.replace(tzinfo=UTC)).play(plan)

    assert [min_pos for _, _, min_pos in server.seen] == [None, "registry:41", None]
