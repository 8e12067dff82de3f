"""Follows a stream from a position: batches whose sequences are proved to have no gap, in order, each exactly once.

The position belongs to the reader's database; the server remembers nothing. A throw-away pull consumer without acks
starts behind it, and is thrown away on any doubt: a gap, a missed heartbeat, a reconnect, an unexpected status. So
nothing is redelivered and nothing is reordered (why not durable consumers or FastStream's subscribers: decision 0005).
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from time import monotonic
from typing import NamedTuple

from shared import bus
from shared.cloudevents import Message, header
from shared.ids import new_id
from shared.telemetry import FOLLOW_RESETS, logger
from shared.wire import StreamClient

log = logger(__name__)

HEARTBEAT = 0.5
"""Seconds between the server's signs of life while it has nothing to send."""
EXPIRES = 10.0
"""Seconds that the server keeps a pull request open."""
SILENCE = 2.0
"""Seconds without message or heartbeat after which the consumer is thrown away."""
PULL = 2000
"""Messages asked for by one request; two requests are kept ahead."""
GATHER = 0.25
"""Seconds that a batch is gathered while more is pending; a batch with nothing pending leaves at once."""
LULL = 0.02
"""Seconds without a message after which a gathered batch leaves all the same: the server's count of what is pending
may stay too high for the whole life of a consumer that was made while events were coming in."""


class Batch(NamedTuple):
    """Messages `first … last` without a gap. `pending` is what the stream held behind them when the last was sent."""

    stream: str
    first: int
    last: int
    pending: int
    messages: list[Message]


class HistoryCut(RuntimeError):
    """The stream no longer holds the position to go on from. Rebuild the read model from the producer's log."""


class Doubt(Exception):
    """The consumer cannot be trusted any more; the reason is its text."""


class Follower:
    """Reads one stream. One `batches()` at a time; all state is thrown away between two consumers."""

    def __init__(
        self,
        client: StreamClient,
        service: str,
        province: str,
        *,
        max_batch: int = 10_000,
    ) -> None:
        self._client, self._service, self._province = client, service, province
        self._stream = bus.stream_name(service, province)
        self._max_batch = max_batch

    async def batches(self, after: int) -> AsyncGenerator[Batch, None]:
        """Endless batches from `after + 1` on. Raises HistoryCut when the stream begins later than that."""
        position = after
        while True:
            try:
                await self._check(position)
                consumer = _Consumer(self._client, self._stream, position, self._max_batch)
                try:
                    await consumer.open()
                    async for messages, pending in consumer.messages():
                        batch = Batch(self._service, position + 1, messages[-1].pos, pending, messages)
                        position = batch.last
                        yield batch
                finally:
                    await consumer.close()
            except (Doubt, *bus.NATS_ERRORS) as error:
                reason = str(error) or type(error).__name__
                FOLLOW_RESETS.labels(self._stream, type(error).__name__).inc()
                log.info("follow_again", stream=self._stream, after=position, reason=reason)
                await asyncio.sleep(bus.RECONNECT_WAIT / 2)

    async def _check(self, position: int) -> None:
        """Before a consumer is made: the stream must be there, long enough, and begin early enough."""
        told = ""
        while True:
            state = await bus.stream_state(self._client, self._service, self._province)
            if state is not None and state["last_seq"] >= position:
                if position + 1 < state["first_seq"]:
                    raise HistoryCut(f"{self._stream} begins at {state['first_seq']}, needed {position + 1}")
                return
            reason = "no_stream" if state is None else "waiting_for_refill"
            if reason != told:
                log.warning("follow_waits", stream=self._stream, reason=reason, position=position)
                told = reason
            await asyncio.sleep(bus.RECONNECT_WAIT)

    async def last_seq(self) -> int:
        """The stream's newest sequence; 0 when there is no stream."""
        state = await bus.stream_state(self._client, self._service, self._province)
        return int(state["last_seq"]) if state else 0


class _Consumer:
    """A throw-away consumer on the server and the buffer that its messages fall into."""

    def __init__(self, client: StreamClient, stream: str, after: int, max_batch: int) -> None:
        self._client, self._stream, self._max_batch = client, stream, max_batch
        self._expected = after + 1
        self._buffer: deque[Message] = deque()
        self._arrived = asyncio.Event()
        self._doubt: str | None = None
        self._asked = 0  # messages that open requests may still bring
        self._pending = 0
        self._epoch = client.epoch
        self._name = f"f-{new_id()}"
        self._inbox = client.new_inbox()
        self._stop: Callable[[], Awaitable[None]] | None = None
        self._last_sign = 0.0

    async def open(self) -> None:
        self._stop = await self._client.subscribe_raw(self._inbox, self._on_message)
        config = {
            "name": self._name,
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": self._expected,
            "ack_policy": "none",
            "replay_policy": "instant",
            "mem_storage": True,
            "num_replicas": 1,
            "inactive_threshold": 30_000_000_000,
        }
        await self._client.api(
            f"CONSUMER.CREATE.{self._stream}.{self._name}", {"stream_name": self._stream, "config": config}
        )
        self._last_sign = monotonic()

    async def close(self) -> None:
        with suppress(*bus.NATS_ERRORS):
            if self._stop:
                await self._stop()
            if self._client.is_connected:
                await self._client.api(f"CONSUMER.DELETE.{self._stream}.{self._name}", timeout=1.0)

    async def messages(self) -> AsyncGenerator[tuple[list[Message], int], None]:
        while True:
            await self._ask()
            while not self._buffer:
                await self._wait(HEARTBEAT)
            await self._gather()
            count = min(len(self._buffer), self._max_batch)
            yield [self._buffer.popleft() for _ in range(count)], self._pending + len(self._buffer)

    async def _ask(self) -> None:
        """Keeps two requests ahead, and no more than two batches unread: back-pressure is not asking."""
        if not self._asked:
            self._last_sign = monotonic()  # without a request the server had nothing to say
        while self._asked <= PULL and len(self._buffer) + self._asked < 2 * self._max_batch:
            body = {"batch": PULL, "expires": int(EXPIRES * 1e9), "idle_heartbeat": int(HEARTBEAT * 1e9)}
            subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._name}"
            await self._client.publish(subject, json.dumps(body).encode(), reply=self._inbox)
            self._asked += PULL

    async def _gather(self) -> None:
        """Lets the buffer fill while the server says that there is more and it keeps coming."""
        until = monotonic() + GATHER
        while self._pending and len(self._buffer) < self._max_batch and monotonic() < until:
            had = len(self._buffer)
            await self._ask()
            if len(self._buffer) == had:
                await self._wait(LULL)
            if len(self._buffer) == had:
                return

    async def _wait(self, seconds: float) -> None:
        """Returns when something came, or after so long. Raises Doubt when nothing may come any more."""
        self._arrived.clear()
        if not self._doubt:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._arrived.wait()
        if self._doubt:
            if self._buffer:
                self._pending = 0  # what came before the doubt was proved: hand it out first
                return
            raise Doubt(self._doubt)
        if self._client.epoch != self._epoch:
            self._doubt = "reconnected"
        elif monotonic() - self._last_sign > SILENCE:
            self._doubt = "no heartbeat"
        elif self._asked <= PULL:
            await self._ask()

    def _on_message(self, _subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        self._last_sign = monotonic()
        if not reply.startswith(b"$JS.ACK."):
            self._on_status(headers)
            return
        if self._doubt:
            return
        _, sequence, _consumer_sequence, _time, pending = reply.rsplit(b".", 4)
        pos = int(sequence)
        if pos != self._expected:
            self._doubt = f"gap: expected {self._expected}, got {pos}"
        else:
            self._expected += 1
            self._asked -= 1
            self._pending = int(pending)
            self._buffer.append(Message(pos, data, headers))
        self._arrived.set()

    def _on_status(self, headers: bytes) -> None:
        status = headers[9:12]
        if status == b"100":  # idle heartbeat
            return
        if status in (b"404", b"408"):  # the request is over; what it did not bring is to be asked for again
            self._asked -= int(header(headers, b"Nats-Pending-Messages") or PULL)
        elif status == b"409" and b"Batch Completed" in headers:
            pass
        else:
            self._doubt = headers.decode(errors="replace").strip().replace("\r\n", "; ")
        self._arrived.set()
