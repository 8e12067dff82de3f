"""Rows over HTTP: the command path against a bare handler, batches, and from a 201 to a readable number."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import statistics
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

from joserfc.jwk import ECKey, KeySet

from services.outreach.app import SPEC as OUTREACH
from shared import auth
from shared.auth import Caller, Role
from shared.ids import new_id
from shared.settings import Settings
from tests.bench import program
from tests.bench.ground import Ground
from tests.bench.http_load import Answer, Body, Load, Server, Trip, closed_loop, connect, open_loop, request, together
from tests.bench.row_streams import Sizes, Streams
from tests.bench.table import Line, middle
from tests.bench.world import CAMPAIGN, TOPICS, Member, World, launched

CONNECTIONS = 16
BATCH = 100
TURNS = 4
READ_EVERY = 4
PEOPLE = 200
"""Members who call; each has a token."""


class Town:
    """Running services with a roster and a campaign, and people who may call."""

    def __init__(self, ground: Ground) -> None:
        self.ground, self.province, self._key = ground, ground.province(), ECKey.generate_key("P-256", auto_kid=True)
        self._jwks = ground.data / f"{self.province}.jwks"
        self._jwks.write_text(json.dumps(KeySet([self._key]).as_dict()))
        self.world = World()
        self.people = [
            (m, self.token(m.member_id, Role.MEMBER, member_id=m.member_id)) for m in self.world.members[:PEOPLE]
        ]
        self.servers: dict[str, Server] = {}
        self._registered = 0

    def token(self, subject: str, role: Role, **own: str) -> str:
        """A signed token."""
        defaults = Settings()
        caller = Caller(subject, frozenset([role]), (self.province,), **own)
        return auth.issue(self._key, issuer=defaults.oidc_issuer, audience=defaults.oidc_audience, caller=caller)

    @asynccontextmanager
    async def open(self, *processes: tuple[str, tuple[str, ...]]) -> AsyncIterator[Town]:
        """Starts a process for each `(service, roles)`; those with the role `api` listen."""
        facts = self.world.registry()
        self._registered = await self.ground.publish(facts, "registry", self.province)
        settings = {name: await self._settings(name) for name, _ in processes}
        async with AsyncExitStack() as stack:
            for name, roles in processes:
                port = free_port() if "api" in roles else 0
                arguments = {"service": name, "roles": roles, "port": port, "settings": settings[name]}
                pid = await stack.enter_async_context(program.running("serve", **arguments))
                self.servers |= {name: Server(port, pid)} if port else {}
            await self._launch()
            yield self

    async def _settings(self, service: str) -> dict[str, str]:
        name = f"bench_{self.province}_{service}"
        await self.ground.postgres.ensure_database(name)
        return {
            "province": self.province,
            "database_url": self.ground.postgres.dsn(name),
            "nats_url": self.ground.url,
            "oidc_jwks": str(self._jwks),
            "citizen_key": "a key that only the bench knows, long enough",
            "log_level": "warning",
        }

    async def _launch(self) -> None:
        """Waits until the services answer and know the roster, then launches the campaign."""
        for service, server in self.servers.items():
            await _until_alive(server.port, f"/{service}/healthz")
        body = launched().model_dump(mode="json", exclude={"occurred_at", "first_day", "last_day"})
        officer = self.token("officer", Role.PROVINCE_OFFICER)
        path = f"/outreach/campaigns?min_pos=registry:{self._registered}"
        [connection] = await connect(self.servers["outreach"].port, 1)
        answer = await connection.ask(request("POST", path, officer, body))
        for _ in range(30):
            if answer.status == 201:
                connection.close()
                return
            answer = await connection.ask(request("POST", path, officer, body))
        raise RuntimeError(f"the campaign could not be launched: {answer.status} {answer.body.decode()}")

    def singles(self, prefix: str = "/outreach") -> Iterator[bytes]:
        """Endless single guidances, each by one of the people."""
        for number, (member, token) in enumerate(itertools.cycle(self.people)):
            path = f"{prefix}/campaigns/{CAMPAIGN}/guidances/{new_id()}"
            yield request("PUT", path, token, _item(member, number))

    def batches(self) -> Iterator[bytes]:
        """Endless batches."""
        for number, (member, token) in enumerate(itertools.cycle(self.people)):
            items = [{"guidance_id": new_id(), **_item(member, number * BATCH + n)} for n in range(BATCH)]
            yield request("POST", "/outreach/guidances", token, {"campaign_id": CAMPAIGN, "items": items})


def _item(member: Member, number: int) -> Body:
    return {
        "member_id": member.member_id,
        "occurred_at": f"2023-07-29T{number % 24:02}:15:00+07:00",
        "citizen": {"phone": f"01{number % 100_000_000:08}"},
        "topics": [TOPICS[number % len(TOPICS)]],
        "place": "home",
    }


async def command(ground: Ground, _: Streams, sizes: Sizes, runs: int) -> list[Line]:
    """Single guidances, the bare handler, and batches of 100, in turns of two seconds on the same servers."""
    town, bare_dsn, bare_port = Town(ground), await ground.database(*OUTREACH.folders), free_port()
    await _let_in(bare_dsn)
    ours, bare, batch = list[Load](), list[Load](), list[Load]()
    processes = (("outreach", ("api",)), ("outreach", ("relay", "projector")))
    async with town.open(*processes), program.running("bare_handler", dsn=bare_dsn, port=bare_port) as pid:
        await _until_alive(bare_port, "/openapi.json")
        server, bare_server = town.servers["outreach"], Server(bare_port, pid)
        for _run in range(runs):
            turns = []
            for _turn_number in range(TURNS):
                await _relayed(server)  # what batches left is no single command's business
                turns.append(
                    (
                        await _turn(server, town.singles(), sizes, 201),
                        await _turn(bare_server, town.singles(""), sizes, 201),
                        await _turn(server, town.batches(), sizes, 200),
                    )
                )
            for kind, loads in zip((ours, bare, batch), zip(*turns, strict=True), strict=True):
                kind.append(together(loads))
    share = [100 * one.rate / other.rate for one, other in zip(ours, bare, strict=True)]
    records = [BATCH * many.rate / one.rate for many, one in zip(batch, ours, strict=True)]
    a, b = middle([load.rate for load in ours]), middle([load.rate for load in bare])
    p99 = statistics.median(percentile(load.times, 99) * 1000 for load in ours)
    cpu, bare_cpu = (statistics.median(load.cpu_ms for load in loads) for loads in (ours, bare))
    return [
        Line(
            "command", f"command path, {CONNECTIONS} connections",
            "bare FastAPI handler with the same two inserts, rps",
            "≥", 70, "%", share,
            f"{a} requests/s (p99 {p99:.0f} ms) against {b}; processor time {cpu:.2f} against {bare_cpu:.2f} ms",
        ),
        Line(
            "batch", f"batch of {BATCH} guidances", "single guidances, records/s", "≥", 10, "×", records,
            f"{middle([BATCH * load.rate for load in batch])} records/s against {a}",
        ),
    ]  # fmt: skip


async def _relayed(server: Server) -> None:
    """Waits until all that the service took is on its stream, and a moment more."""
    [connection] = await connect(server.port, 1)
    async with asyncio.timeout(60):
        while (at := (await connection.ask(request("GET", "/outreach/readyz"))).json())["log_pos"] != at["stream_seq"]:
            await asyncio.sleep(0.1)
    connection.close()
    await asyncio.sleep(0.5)


async def _turn(server: Server, requests: Iterator[bytes], sizes: Sizes, expected: int) -> Load:
    load = await closed_loop(server, requests, connections=CONNECTIONS, seconds=sizes.seconds / TURNS)
    assert set(load.statuses) == {expected}, f"answers were {load.statuses}, not all {expected}"
    return load


async def _let_in(dsn: str) -> None:
    import asyncpg

    conn = await asyncpg.connect(dsn)
    row = launched()
    await conn.execute(
        "insert into campaign values ($1, $2, $3, $4, 7, $3, $3, 7, '{}', $3, '{}')",
        row.campaign_id, row.name, row.launched_on, row.day_one_rule,
    )  # fmt: skip
    await conn.close()


async def latency(ground: Ground, _: Streams, sizes: Sizes, runs: int) -> list[Line]:
    """Every fourth 201 is followed by a read that asks for its position; commands keep to their schedule."""
    every = ("api", "relay", "projector")
    town = Town(ground)
    async with town.open(("outreach", every), ("reporting", every)):
        trips = [
            await open_loop(
                town.servers["outreach"].port, town.servers["reporting"].port, town.singles(), _read,
                rate=sizes.rate, seconds=sizes.paced_seconds, every=READ_EVERY,
            )
            for _run in range(runs)
        ]  # fmt: skip
    waits = [[1000 * (t.readable - t.answered) for t in run if t.readable is not None] for run in trips]
    return [
        Line(
            "latency", f"201 → readable in the read model, {sizes.rate:.0f} commands/s over HTTP", "p99", "≤", 100,
            "ms", [percentile(run, 99) for run in waits], _spread(waits, trips),
        )
    ]  # fmt: skip


def _read(answer: Answer) -> bytes | None:
    pos = answer.json()["pos"]
    return request("GET", f"/reporting/daily?min_pos={pos}") if pos else None


def _spread(waits: list[list[float]], trips: list[list[Trip]]) -> str:
    def mid(percent: float, runs: list[list[float]]) -> str:
        return f"{statistics.median(percentile(run, percent) for run in runs):.1f}"

    whole = [[1000 * t.readable for t in run if t.readable is not None] for run in trips]
    answered = [[1000 * (t.answered - t.sent) for t in run] for run in trips]
    return (
        f"p50 {mid(50, waits)}, p95 {mid(95, waits)} ms; the 201 itself p50 {mid(50, answered)},"
        f" p99 {mid(99, answered)} ms; from the due moment to readable p99 {mid(99, whole)} ms"
    )


def percentile(values: list[float], percent: float) -> float:
    """The value that `percent` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)]


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _until_alive(port: int, path: str) -> None:
    for _ in range(300):
        try:
            [connection] = await connect(port, 1)
            answer = await connection.ask(request("GET", path))
            connection.close()
            if answer.status == 200:
                return
        except OSError:
            pass
        await asyncio.sleep(0.1)
    raise TimeoutError(f"nobody answers at port {port} {path}")
