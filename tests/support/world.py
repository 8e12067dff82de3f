"""What tests over HTTP need to say shortly: papers of a team, people, a campaign, guidances, refusals."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import httpx

from services.outreach.app import SPEC as OUTREACH
from services.registry.app import SPEC as REGISTRY
from shared.auth import Role
from shared.clock import VIETNAM
from shared.contracts import Event
from shared.ids import new_id
from tests.support.servers import Nats, Postgres
from tests.support.stack import HandClock, Stack, stack

MO_DUC, TOWN, DUC_NHUAN, LY_SON = "533", "21400", "21403", "536"
"""A district, two of its communes, and the district without communes."""

CAMPAIGN = "qn-2023"
AFTER_THE_WINDOW = datetime(2023, 8, 5, 20, 0, tzinfo=VIETNAM)

_citizens = itertools.count(1)


async def ok(answer: Awaitable[httpx.Response], status: int | None = None) -> dict[str, Any]:
    """The body of an answer that must be 2xx."""
    response = await answer
    assert response.status_code == status if status else response.is_success, response.text
    body: dict[str, Any] = response.json()
    return body


def refused(answer: httpx.Response, status: int, slug: str, field: str) -> dict[str, Any]:
    """The answer is this refusal: a problem in both languages, with the field and what to do."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["type"].removeprefix("urn:cds:problem:")) == (status, slug), answer.text
    assert [e["field"] for e in problem["errors"]][:1] == [field], answer.text
    for messages in (problem["messages"], *(e["message"] for e in problem["errors"])):
        assert messages["vi"]
        assert messages["en"]
    assert problem["status"] == status
    assert problem["detail"] in problem["messages"].values()
    return problem


def a_team(unit_id: str = TOWN, level: str = "commune", **changed: Any) -> dict[str, Any]:
    """A founding decision of 1/7/2023, in force on the 3rd."""
    village = {"village": "Thôn 1"} if level == "village" else {}
    paper = {"decision_number": "12/QĐ-UBND", "decision_date": "2023-07-01", "formed_on": "2023-07-03"}
    return {"team_id": new_id(), "name": "Tổ", "level": level, "unit_id": unit_id, **village, **paper, **changed}


def a_member(**changed: Any) -> dict[str, Any]:
    """A person who joined on the founding day."""
    return {"member_id": new_id(), "full_name": "Nguyễn Văn Thử", "joined_on": "2023-07-03", **changed}


def a_campaign(**changed: Any) -> dict[str, Any]:
    """The campaign of 2023 under an id of its own; window 28/7 to 3/8, quota 7."""
    topics = [{"code": c, "name_vi": c, "name_en": c} for c in ("services", "payments")]
    return {
        "campaign_id": new_id(), "name": "Phong trào", "launched_on": "2023-07-28", "report_due_on": "2023-08-15",
        "topics": topics, "reporting_unit_ids": [MO_DUC, LY_SON], **changed,
    }  # fmt: skip


def an_item(member_id: str, citizen: str | None = None, **changed: Any) -> dict[str, Any]:
    """A guidance on 29/7; a citizen that nobody has met before unless one is named."""
    phone = citizen or f"01{next(_citizens):08}"
    return {
        "guidance_id": new_id(), "member_id": member_id, "occurred_at": "2023-07-29T19:30:00+07:00",
        "citizen": {"phone": phone}, "topics": ["services"], "place": "home", **changed,
    }  # fmt: skip


async def team_of(
    officer: httpx.AsyncClient, unit_id: str = TOWN, level: str = "commune", *, members: int = 1
) -> tuple[str, list[str], str]:
    """A new team with a leader and further members; answers with its id, theirs, and the last position."""
    team = await ok(officer.post("/registry/teams", json=a_team(unit_id, level)), 201)
    people = [a_member(role="leader" if n == 0 else "member") for n in range(members)]
    pos = team["pos"]
    for person in people:
        pos = (await ok(officer.post(f"/registry/teams/{team['team_id']}/members", json=person), 201))["pos"]
    return team["team_id"], [p["member_id"] for p in people], pos


@asynccontextmanager
async def outreach_at_work(postgres: Postgres, nats: Nats) -> AsyncIterator[Stack]:
    """Registry with the units of 2023, outreach with the campaign of 2023, two days after its window."""
    async with stack(REGISTRY, OUTREACH, postgres=postgres, nats=nats, clock=HandClock(AFTER_THE_WINDOW)) as started:
        officer = started.client(Role.PROVINCE_OFFICER, units=["51"])
        loaded = await ok(officer.post("/registry/editions/2023"), 201)
        campaign = a_campaign(campaign_id=CAMPAIGN)
        await ok(officer.post("/outreach/campaigns", json=campaign, params={"min_pos": loaded["pos"]}), 201)
        yield started


async def people(running: Stack, unit_id: str = TOWN, level: str = "commune", count: int = 2) -> tuple[str, list[str]]:
    """A team that every service knows, and its members; the first leads it."""
    officer = running.client(Role.PROVINCE_OFFICER, units=["51"])
    team_id, members, _ = await team_of(officer, unit_id, level, members=count)
    await running.caught_up()
    return team_id, members


async def send(client: httpx.AsyncClient, *items: Any, **params: str) -> dict[str, Any]:
    """A batch of the campaign, with anything in it that JSON can say."""
    body = json.dumps({"campaign_id": CAMPAIGN, "items": list(items)})
    kind = {"content-type": "application/json"}
    return await ok(client.post("/outreach/guidances", content=body, headers=kind, params=params), 200)


def results(answer: dict[str, Any]) -> list[Any]:
    """`accepted`, `already_had`, or the result with its slug."""
    return [(r["result"], r["why"]["slug"]) if r["why"] else r["result"] for r in answer["receipts"]]


async def events_of(running: Stack, *ids: str) -> list[tuple[type[Event], str]]:
    """Kind and id of what outreach has published about these, in order."""
    return [(type(e), e.key()) for e in await running.log("outreach") if e.key() in ids]
