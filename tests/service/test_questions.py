"""What other systems may ask over the bus: the same answers as over HTTP, and a word where there is none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.registry.app import SPEC as REGISTRY
from services.reporting import api
from services.reporting.app import SPEC as REPORTING
from shared import bus
from shared.auth import Role
from shared.wire import StreamClient
from tests.support.servers import Nats, Postgres
from tests.support.stack import Stack, stack
from tests.support.world import ok

SUBJECT = bus.query_subject("51", "reporting", "overview")


@pytest.fixture
async def running(postgres: Postgres, guarded_nats: Nats) -> AsyncIterator[Stack]:
    async with stack(REGISTRY, REPORTING, postgres=postgres, nats=guarded_nats, read_wait_seconds=0.2) as found:
        yield found


async def asks(running: Stack, body: bytes) -> dict[str, Any]:
    """The answer, or the refusal, that another service gets."""
    answer = await running.services["registry"].client.request(SUBJECT, body, timeout=25)
    found: dict[str, Any] = json.loads(answer.data)
    return found


@pytest.mark.parametrize(
    ("body", "status", "slug", "field"),
    [
        (b"not json", 422, "invalid_data", "body"),
        (b"[1]", 422, "invalid_data", "body"),
        (b'{"campagin": "c"}', 422, "invalid_data", "campagin"),
        (b'{"campaign": 7}', 422, "invalid_data", "campaign"),
        (b'{"min_pos": "weather:1"}', 422, "invalid_data", "min_pos"),
        (b'{"campaign": "nothing"}', 404, "no_such_campaign", "campaign"),
        (b'{"map": "1066-10-14"}', 422, "no_such_map", "map"),
        (b'{"min_pos": "registry:999999"}', 503, "read_model_behind", "min_pos"),
    ],
)
async def test_what_cannot_be_answered_is_refused_in_words_as_over_http(
    running: Stack, body: bytes, status: int, slug: str, field: str
) -> None:
    refusal = await asks(running, body)
    assert (refusal["status"], refusal["type"]) == (status, f"urn:cds:problem:{slug}"), refusal
    assert refusal["errors"][0]["field"] == field
    assert refusal["messages"]["vi"]
    assert refusal["messages"]["en"]


@pytest.mark.expects_errors
async def test_a_mistake_of_ours_is_answered_too(running: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(api, "overview_of", fails)
    refusal = await asks(running, b"{}")
    assert (refusal["status"], refusal["type"]) == (500, "urn:cds:problem:internal_error")
    assert "secret" not in json.dumps(refusal)


async def test_a_question_waits_for_the_position_that_it_names(running: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    service = running.services["reporting"]
    monkeypatch.setattr(service, "settings", service.settings.model_copy(update={"read_wait_seconds": 20}))
    officer = running.client(Role.PROVINCE_OFFICER, units=["51"])
    loaded = await ok(officer.post("/registry/editions/2023"), 201)
    answer = await asks(running, json.dumps({"min_pos": loaded["pos"]}).encode())
    assert answer["province"]["name"] == "Tỉnh Quảng Ngãi"


async def test_a_tick_says_which_stream_moved_and_how_far(running: Stack) -> None:
    heard: list[dict[str, int]] = []

    async def hears(message: Any) -> None:
        heard.append(json.loads(message.data))

    client: StreamClient = running.services["registry"].client
    await client.subscribe(bus.tick_subject("51", "reporting"), cb=hears)
    await client.flush()
    officer = running.client(Role.PROVINCE_OFFICER, units=["51"])
    loaded = await ok(officer.post("/registry/editions/2023"), 201)
    last = int(loaded["pos"].partition(":")[2])
    async with asyncio.timeout(10):
        while {"registry": last} not in heard:
            await asyncio.sleep(0.02)
