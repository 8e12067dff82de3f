"""Load over HTTP from raw sockets: cheap enough to share two cores with the server that it measures."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import psutil

Body = dict[str, Any]


class Answer(NamedTuple):
    """Status and body."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Connection(asyncio.Protocol):
    """One kept-alive connection, one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._answer: asyncio.Future[Answer] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        """Called by asyncio."""
        if self._answer and not self._answer.done():
            self._answer.set_exception(error or ConnectionError("closed by the server"))

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        self._received += data
        head = self._received.find(b"\r\n\r\n")
        if head < 0 or self._answer is None or self._answer.done():
            return
        block = bytes(self._received[:head]).lower()
        length = int(block.split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
        if len(self._received) < head + 4 + length:
            return
        answer = Answer(int(block[9:12]), bytes(self._received[head + 4 : head + 4 + length]))
        self._received.clear()
        self._answer.set_result(answer)

    async def ask(self, request: bytes) -> Answer:
        """Sends one request and waits for its answer."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Hangs up."""
        if self._transport:
            self._transport.close()


def request(method: str, path: str, token: str = "", body: Body | None = None) -> bytes:
    """An HTTP/1.1 request as bytes."""
    content = json.dumps(body).encode() if body is not None else b""
    bearer = f"Authorization: Bearer {token}\r\n" if token else ""
    kind = "Content-Type: application/json\r\n" if content else ""
    head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\n{bearer}{kind}Content-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


async def connect(port: int, count: int) -> list[Connection]:
    """So many connections."""
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(Connection, "127.0.0.1", port) for _ in range(count)]
    return [connection for _, connection in made]


class Server(NamedTuple):
    """A process that serves HTTP."""

    port: int
    pid: int

    def cpu(self) -> float:
        """Seconds of processor time that it has taken so far."""
        times = psutil.Process(self.pid).cpu_times()
        return float(times.user + times.system)


class Load(NamedTuple):
    """What came of a load: answers within the measured time, times in seconds, statuses of all."""

    answered: int
    seconds: float
    times: list[float]
    statuses: Counter[int]
    cpu: float
    """Seconds of processor time that the server's process took, for all answers."""

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answered / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of processor time of the server's process an answer."""
        return 1000 * self.cpu / self.statuses.total()


def together(loads: Sequence[Load]) -> Load:
    """Several loads as one."""
    times = [time for load in loads for time in load.times]
    statuses = sum((load.statuses for load in loads), Counter[int]())
    return Load(len(times), sum(load.seconds for load in loads), times, statuses, sum(load.cpu for load in loads))


async def closed_loop(
    server: Server, requests: Iterator[bytes], *, connections: int, seconds: float, warm_up: float = 0.3
) -> Load:
    """Every connection asks again as soon as it is answered. The warm-up is not counted."""
    opened = await connect(server.port, connections)
    cpu, begin = server.cpu(), time.perf_counter() + warm_up
    end, times, statuses = begin + seconds, list[float](), Counter[int]()

    async def work(connection: Connection) -> None:
        while (asked := time.perf_counter()) < end:
            answer = await connection.ask(next(requests))
            statuses[answer.status] += 1
            answered = time.perf_counter()
            if begin <= answered < end:
                times.append(answered - asked)

    await asyncio.gather(*(work(connection) for connection in opened))
    for connection in opened:
        connection.close()
    return Load(len(times), seconds, times, statuses, server.cpu() - cpu)


class Trip(NamedTuple):
    """One command on its schedule; seconds since it was due. `readable` is None where nobody looked."""

    sent: float
    answered: float
    readable: float | None


async def open_loop(
    command_port: int,
    read_port: int,
    commands: Iterator[bytes],
    read: Callable[[Answer], bytes | None],
    *,
    rate: float,
    seconds: float,
    every: int = 1,
) -> list[Trip]:
    """Sends `rate` commands a second whatever is answered; after every so many a read with its position as `min_pos`.

    A read that is answered 503 is asked again, as a page would; a command without a position can never be read.
    """
    writers, readers = _Free(await connect(command_port, 64)), _Free(await connect(read_port, 64))
    begin, trips = time.perf_counter() + 0.1, list[Trip]()

    async def trip(due: float, follow: bool) -> None:
        await asyncio.sleep(due - time.perf_counter())
        sent = time.perf_counter()
        answer = await writers.ask(next(commands))
        answered = time.perf_counter()
        if answer.status != 201:
            raise RuntimeError(f"a command was answered {answer.status}: {answer.body.decode()[:500]}")
        if not follow:
            trips.append(Trip(sent - due, answered - due, None))
            return
        question = read(answer)
        while question and (found := await readers.ask(question)).status != 200:
            if found.status != 503:
                raise RuntimeError(f"a read was answered {found.status}: {found.body.decode()[:500]}")
        trips.append(Trip(sent - due, answered - due, time.perf_counter() - due if question else math.inf))

    async with asyncio.TaskGroup() as tasks:
        for number in range(int(rate * seconds)):
            due = begin + number / rate
            if due - time.perf_counter() > 0.5:
                await asyncio.sleep(due - time.perf_counter() - 0.25)
            tasks.create_task(trip(due, number % every == 0))
    writers.close()
    readers.close()
    return trips


class _Free:
    """Connections that nobody uses at the moment."""

    def __init__(self, connections: list[Connection]) -> None:
        self._all = connections
        self._free: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()
        for connection in connections:
            self._free.put_nowait(connection)

    async def ask(self, content: bytes) -> Answer:
        connection = await self._free.get()
        answer = await connection.ask(content)
        self._free.put_nowait(connection)
        return answer

    def close(self) -> None:
        for connection in self._all:
            connection.close()
