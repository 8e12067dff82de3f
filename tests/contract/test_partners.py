"""docs/partners.md is run as it stands: a real server, the rights that the page names, its blocks in their order."""

import ast
import asyncio
import inspect
import json
import os
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
import pytest
import uvicorn
from nats.aio.client import Client

from phongtrao.instance import Folder, Running
from shared import asyncapi, bus, event_log
from shared.auth import Role
from shared.clock import system_clock
from shared.contracts import EVENTS, Event, events_of, parse
from shared.ids import new_id
from shared.service import Service
from tests.contract import documents
from tests.support.servers import Nats, Postgres
from tests.support.stack import PASSWORDS, Stack, nats_config, ops_url, stack

PAGE = (Path(__file__).parents[2] / "docs" / "partners.md").read_text(encoding="utf-8")
PASSWORD = "password-of-ioc"
NAMES = ("operator", "connect", "read", "replay", "feed", "ask", "listen", "tick")
BLOCKS = dict(zip(NAMES, re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL), strict=True))


def config() -> str:
    """The server's configuration with the partner's user added as the page says."""
    [user] = re.findall(r"```conf\n(.*?)```", PAGE, re.DOTALL)
    return nats_config().replace("\n ]\n}", "\n" + user.replace("$IOC_PASSWORD", json.dumps(PASSWORD)) + " ]\n}")


@asynccontextmanager
async def over_http(running: Stack) -> AsyncIterator[str]:
    """The site on a port of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(running.app, lifespan="off", log_level="warning"))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        await serving


async def run(block: str, space: dict[str, Any]) -> None:
    """Runs a block of the page, `await` at the top included, in the variables of those before."""
    code = compile(BLOCKS[block], f"partners.md: {block}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    done = eval(code, space)
    if inspect.isawaitable(done):
        await done


async def record(service: Service, *events: Event) -> None:
    """Events as a command would leave them, waited for until they are on the stream."""
    async with service.pool.acquire() as conn:
        await event_log.append(conn, events, province="51", recorded_at=system_clock(), new_id=new_id)
    async with asyncio.timeout(10):
        while not await on_stream(service):
            await asyncio.sleep(0.02)


async def on_stream(service: Service) -> bool:
    async with service.pool.acquire() as conn:
        logged = await conn.fetchval("select (select coalesce(max(pos), 0) from log) + (select count(*) from stage)")
    state = await bus.stream_state(service.client, service.name, "51")
    return state is not None and state["last_seq"] == logged


def golden(name: str, **changes: Any) -> Event:
    type_name = f"vn.cds.{name}.v1"
    return parse(type_name, json.dumps({**asyncapi.golden(type_name), **changes}))


def guidance(number: int, district: str, commune: str) -> Event:
    return golden("outreach.citizen_guided", guidance_id=f"g-{number}", district_id=district, commune_id=commune)


@pytest.fixture
async def running(
    postgres: Postgres, fresh_nats: Callable[..., Awaitable[Nats]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[Stack]:
    """Producers and reporting with some events, and the surroundings that the page takes for granted."""
    server = await fresh_nats(config())
    specs = [documents.spec(name) for name in ("registry", "outreach", "reporting")]
    monkeypatch.chdir(tmp_path)
    async with stack(*specs, postgres=postgres, nats=server) as started, over_http(started) as url:
        environment = {
            "NATS_URL": server.url,
            "OPS_PASSWORD": PASSWORDS[bus.OPS],
            "IOC_PASSWORD": PASSWORD,
            "FEED_URL": url,
            "FEED_TOKEN": started.token(Role.PARTNER, units=["51"]),
            "OPS_URL": ops_url(server),
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        await record(
            started.services["registry"], *(golden(f"registry.{event.NAME}") for event in events_of("registry"))
        )
        await record(
            started.services["outreach"],
            golden("outreach.campaign_launched"),
            guidance(1, "533", "21400"),
            guidance(2, "522", "21010"),
            guidance(3, "533", "21403"),
            golden("outreach.guidance_withdrawn", guidance_id="g-3"),
            guidance(4, "533", "21400"),
        )
        yield started


def kept(space: dict[str, Any]) -> tuple[list[Any], int]:
    """What the partner's own database holds: guidances, and the position."""
    found = space["db"].execute("select id, commune, happened_at from guidance order by id").fetchall()
    [(pos,)] = space["db"].execute("select pos from position").fetchall()
    return found, pos


async def test_the_page_works_as_it_is_written(running: Stack) -> None:
    space: dict[str, Any] = {}
    for block in ("operator", "connect", "read"):
        await run(block, space)
    one, four = ("g-1", "21400", "2023-07-29T01:30:00Z"), ("g-4", "21400", "2023-07-29T01:30:00Z")
    assert kept(space) == ([one, four], 6), "Mộ Đức only: positions 2, 4, 5, 6 of 6"

    message_again = {"ce-pos": "6", "ce-type": "vn.cds.outreach.citizen_guided.v1", "ce-time": "…"}
    space["apply"](message_again, {"guidance_id": "g-4", "commune_id": "21400"})
    assert kept(space) == ([one, four], 6)

    await record(running.services["outreach"], guidance(5, "522", "21010"), guidance(6, "533", "21406"))
    await space["read_what_is_new"]()
    assert [row[0] for row in kept(space)[0]] == ["g-1", "g-4", "g-6"]

    before = kept(space)
    await run("replay", space)
    assert kept(space) == before
    assert before[1] == 8

    await run("feed", space)
    registry = [event.type_name() for event in events_of("registry")]
    assert space["seen"] == [(n, t, asyncapi.golden(t)) for n, t in enumerate(registry, 1)]

    await running.caught_up()
    await run("ask", space)
    assert space["overview"]["members"] == {"total": 1, "started": 1, "met": 0}
    assert space["overview"]["read_model"]["positions"] == {"registry": len(registry), "outreach": 8, "courses": 0}

    await run("listen", space)
    await record(running.services["outreach"], guidance(7, "533", "21400"))
    await run("tick", space)
    assert space["tick"] == {"outreach": 9}
    space["db"].close()


async def test_a_partner_can_do_nothing_else(running: Stack) -> None:
    space: dict[str, Any] = {}
    await run("operator", space)
    heard: list[str] = []
    partner = await connect(heard)
    config = {"stream_name": "OUTREACH_51", "config": {"name": "x", "ack_policy": "none", "deliver_subject": "q.51.x"}}
    consumer = json.dumps(config).encode()
    answers = await partner.subscribe("_INBOX_ioc.answer")
    before = await server_state()

    for subject, body in {
        "$JS.API.CONSUMER.CREATE.OUTREACH_51.x": consumer,
        "$JS.API.CONSUMER.CREATE.OUTREACH_51.ioc": consumer,
        "$JS.API.CONSUMER.CREATE.OUTREACH_51.ioc.cds.51.>": consumer,
        "$JS.API.CONSUMER.DURABLE.CREATE.OUTREACH_51.ioc": consumer,
        "$JS.API.CONSUMER.DELETE.OUTREACH_51.ioc": b"",
        "$JS.API.CONSUMER.MSG.NEXT.REGISTRY_51.ioc": b"",
        "$JS.API.CONSUMER.RESET.OUTREACH_51.another": b'{"seq": 1}',
        "$JS.API.STREAM.MSG.GET.OUTREACH_51": b'{"seq": 1}',
        "$JS.API.DIRECT.GET.OUTREACH_51": b'{"seq": 1}',
        "$JS.API.STREAM.INFO.OUTREACH_51": b"",
        "$JS.API.STREAM.DELETE.OUTREACH_51": b"",
        "cds.51.outreach.citizen_guided.533.21400": b"{}",
        "q.51.outreach.anything": b"{}",
        "_INBOX_reporting.x": b"{}",
    }.items():
        await partner.publish(subject, body, reply="_INBOX_ioc.answer")
        await told(heard, subject)
    for subject in ("cds.51.>", "_INBOX_reporting.>", "tick.51.outreach", ">"):
        await partner.subscribe(subject)
        await told(heard, subject)
    await partner.flush()
    assert answers.pending_msgs == 0, "something was answered all the same"
    assert await server_state() == before
    await partner.close()


async def told(heard: list[str], subject: str) -> None:
    """Waits for the server's word that this subject is not allowed."""
    async with asyncio.timeout(10):
        while not any("permissions violation" in error and f'"{subject.lower()}"' in error for error in heard):
            await asyncio.sleep(0.01)
    heard.clear()


async def connect(heard: list[str]) -> Client:
    """The partner's connection, whose errors are kept."""

    async def report(error: Exception) -> None:
        heard.append(str(error).lower())

    return await nats.connect(
        os.environ["NATS_URL"], user="ioc", password=PASSWORD, inbox_prefix="_INBOX_ioc", error_cb=report
    )


async def server_state() -> Any:
    """Streams, their lengths, and their lasting consumers, as an operator sees them."""
    operator = await nats.connect(os.environ["OPS_URL"])
    manager = operator.jetstream()
    found = {}
    for stream in await manager.streams_info():
        name = stream.config.name or ""
        lasting = [c.config.durable_name for c in await manager.consumers_info(name) if c.config.durable_name]
        found[name] = (stream.state.last_seq, lasting)
    await operator.close()
    return found


def test_the_page_names_every_event_and_header() -> None:
    named = set(re.findall(r"^\| `([a-z_.]+\.v\d+)` \|", PAGE, re.MULTILINE))
    assert named == {type_name.removeprefix("vn.cds.") for type_name in EVENTS}
    assert set(re.findall(r"^\| `(ce-\w+|traceparent)` \|", PAGE, re.MULTILINE)) == set(asyncapi.HEADERS["properties"])


def test_a_trial_keeps_what_the_page_names_where_the_page_says(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.secrets()
    folder.announce(Running(1, "http://127.0.0.1:2", "nats://127.0.0.1:3", "postgresql:///{service}"))
    named = re.findall(r"\| `(\w+)` in `var/([\w/.]+)`", PAGE)

    assert [name for name, _ in named] == ["nats_url", "ops", "url"]
    for name, file in named:
        assert name in json.loads((tmp_path / file).read_text())


def test_every_block_of_the_page_is_run() -> None:
    assert PAGE.count("```") == 2 * (len(BLOCKS) + 1), "a block in another language is not run"
    assert PAGE.count("```conf\n") == 1
