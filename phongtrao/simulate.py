"""The simulation: sets the province up and lives through the campaign of 2023, all over the public HTTP API.

Everything that it sends follows from the seed and the units, ids included. So it may stop anywhere and go on from a
moment that was noted earlier: what is sent twice is answered twice and counted once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import httpx

from phongtrao import campaign, course, guiding, learning, province
from phongtrao.actions import Action
from phongtrao.client import OFFICER, Api, Refusal
from phongtrao.demo_clock import END, MORNING
from phongtrao.player import Player
from phongtrao.province import LAUNCH, Team, Unit, leader_of
from shared.clock import Clock

Say = Callable[[str], None]

PAGE = 500
"""Units that are asked for at a time."""
AT_ONCE = 12
"""Teams that are set up at a time."""
RESENT = timedelta(minutes=5)
"""After a restart the last minutes are sent again, blindly."""


class Plan(NamedTuple):
    """What is going to happen."""

    districts: list[str]
    teams: list[Team]
    actions: list[Action]


async def load_units(api: Api) -> int:
    """Brings the edition of 2023 into force; answers with how many units it has."""
    _must(await api.post(f"/registry/editions/{campaign.EDITION}", None, OFFICER))
    return len(await _units(api))


async def _units(api: Api) -> list[Unit]:
    """The units of the launch, whatever reforms have made of them since; villages are no part of the edition."""
    found: list[Unit] = []
    page: dict[str, Any] = {"next": ""}
    while page["next"] is not None:  # somebody may have uploaded a thousand villages since
        after = {"after": page["next"]} if page["next"] else {}
        page = await api.get("/registry/units", on=LAUNCH.isoformat(), limit=PAGE, **after)
        found += [Unit(*(item[field] for field in Unit._fields)) for item in page["items"]]
    return [unit for unit in found if unit.level != "village"]


async def make_plan(api: Api, seed: int, *, share: float = 1.0, learners: bool = True) -> Plan:
    """The plan for the units of the launch; `share` of the teams and organisations take part."""
    units = await _units(api)
    teams = province.teams(units, seed)
    taking_part = teams if share >= 1 else province.some(teams, share, seed)
    done = [action for team in taking_part for action in guiding.actions(team, seed)]
    if learners:
        organisations = campaign.organisations()
        communes = [u.unit_id for u in units if u.level == "commune"]
        counts = [max(1, round(len(ids) * min(share, 1))) for ids in (organisations, communes)]
        done += learning.actions(organisations[: counts[0]], communes[: counts[1]], seed)
    districts = [u.unit_id for u in units if u.level == "district"]
    return Plan(districts, taking_part, sorted((a for a in done if a.at < END), key=lambda a: a.at))


async def set_up(api: Api, plan: Plan, say: Say) -> str | None:
    """Organisations, campaign, course, villages, teams and members. Answers with the last position that registry
    gave."""
    path = f"/registry/plans/{campaign.PLAN}/organisations"
    loaded = _must(await api.post(path, None, OFFICER, key=f"plan-{campaign.PLAN}"))
    body = campaign.launch_body(plan.districts)
    _must(await api.post("/outreach/campaigns", body, OFFICER, min_pos=loaded.json()["pos"]))
    _must(await api.post("/courses/courses", course.publish_body(), OFFICER))
    say(f"{len(campaign.organisations())} organisations, the campaign of 28/7/2023, 1 course")
    for body in province.village_bodies():
        _must(await api.post("/registry/villages", body, OFFICER))
    positions = await _form(api, plan.teams)
    members = sum(1 for team in plan.teams for m in team.members if m.joined_on <= LAUNCH)
    say(f"{len(province.village_ids())} villages, {len(plan.teams)} teams with {members} members")
    return newest(positions)


def newest(positions: Iterable[str | None]) -> str | None:
    """The highest of these positions of one stream."""
    return max((p for p in positions if p), key=lambda p: int(p.partition(":")[2]), default=None)


async def _form(api: Api, teams: Sequence[Team]) -> list[str | None]:
    gate = asyncio.Semaphore(AT_ONCE)
    positions: list[str | None] = []

    async def form(team: Team) -> None:
        async with gate:
            _must(await api.post("/registry/teams", team.body(), OFFICER))
            path = f"/registry/teams/{team.team_id}/members"
            for member in team.members:
                if member.joined_on <= LAUNCH:
                    by = OFFICER if member is team.leader else leader_of(team)
                    answer = _must(await api.post(path, guiding.join_body(member), by))
                    positions.append(answer.json()["pos"])

    async with asyncio.TaskGroup() as tasks:
        for team in teams:
            tasks.create_task(form(team))
    return positions


def remaining(plan: Plan, played: datetime) -> list[Action]:
    """What is left after a restart, the last minutes before `played` included."""
    begin = played - RESENT
    return [action for action in plan.actions if action.at >= begin]


async def play(api: Api, plan: Plan, clock: Clock, *, fresh: str | None = None) -> Player:
    """Plays the whole plan by a clock and answers with the player when all has been answered."""
    player = Player(api, clock, fresh=fresh)
    await player.play(remaining(plan, MORNING))
    return player


def _must(answer: httpx.Response) -> httpx.Response:
    if answer.is_error:
        raise Refusal(f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:500]}")
    return answer
