"""A nats-py client with two fast paths: raw delivery to a callback, and raw publishing of prepared bytes.

nats-py's `fetch()` pays a timed wait a message and its `publish()` builds headers one by one; a follower that
catches up and a relay that drains a backlog meet these walls first (decision 0005). Everything else is nats-py's own:
connection, reconnects, requests. This file alone touches the client's inner methods; `tests/service/test_wire.py`
notices a release that moves them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.protocol.parser import AWAITING_CONTROL_LINE, Parser

from shared.cancellation import heed_cancellation
from shared.telemetry import logger

log = logger(__name__)

RawHandler = Callable[[bytes, bytes, bytes, bytes], None]
"""Gets subject, reply, payload and the undecoded header block of each message; must not block and not raise."""

Hook = Callable[[], Awaitable[None] | None]


class ApiError(Exception):
    """JetStream refused a request; `code` is its error code (for example 10071: wrong last sequence)."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(f"{description} ({code})")
        self.code = code
        self.description = description


class _RawParser(Parser):
    """nats-py's parser, but whole messages of raw subscriptions at the front are cut out where they lie.

    nats-py shifts its buffer twice a message and keeps what it found in a dict; this is twice as fast.
    """

    nc: StreamClient

    async def parse(self, data: bytes = b"") -> None:
        if self.state == AWAITING_CONTROL_LINE:
            rest, half = self.nc.deliver(bytes(self.buf) + data if self.buf else data)
            self.buf = bytearray()
            if half:
                self.buf.extend(rest)
                return
            data = rest
        await super().parse(data)


class StreamClient(Client):
    """A connection for streams: JetStream requests as plain dicts, raw delivery, raw publishing."""

    def __init__(self) -> None:
        super().__init__()
        self._raw: dict[int, RawHandler] = {}
        self._ps = _RawParser(self)
        self.epoch = 0
        """Rises with each reconnect; whoever remembers an older number has to begin anew."""

    async def subscribe_raw(self, subject: str, handler: RawHandler) -> Callable[[], Awaitable[None]]:
        """Delivers each message of `subject` to `handler` as it is parsed; answers with the way to stop it."""
        sub = await self.subscribe(subject, cb=_never)
        sid = sub._id
        self._raw[sid] = handler

        async def stop() -> None:
            self._raw.pop(sid, None)
            if not self.is_closed:
                await sub.unsubscribe()  # while reconnecting it only forgets, which is enough

        return stop

    def deliver(self, data: bytes) -> tuple[bytes, bool]:
        """Hands out the raw messages that `data` begins with; the rest, and whether it is the first half of another."""
        at = 0
        while data.startswith(b"HMSG ", at):
            line = data.find(b"\r\n", at)
            subject, sid, *reply, header_size, size = (
                data[at + 5 : line].split(b" ") if line > 0 else (b"", b"-1", 0, 0)
            )
            handler = self._raw.get(int(sid))
            if handler is None:
                break
            headers, end = line + 2 + int(header_size), line + 2 + int(size)
            if end + 2 > len(data):
                return data[at:], True
            self._hand(handler, subject, reply[0] if reply else b"", data[headers:end], data[line + 2 : headers])
            at = end + 2
        return data[at:], False

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        handler = self._raw.get(sid)
        if handler is None:
            await super()._process_msg(sid, subject, reply, data, headers)
            return
        self._hand(handler, bytes(subject), bytes(reply), data, headers or b"")

    def _hand(self, handler: RawHandler, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        try:
            handler(subject, reply, data, headers)
        except Exception as error:  # it would end nats-py's reading task without a word, and the connection with it
            log.error("raw_handler_failed", subject=subject.decode(errors="replace"), exc_info=error)

    async def publish_prepared(self, commands: bytes) -> None:
        """Hands whole `HPUB …` commands to the socket as they are. Refuses while disconnected.

        It does not wait until they are written: nats-py's forced flush swallows a cancellation. Whoever needs to know
        awaits the server's answer.
        """
        if not self.is_connected:
            raise nats.errors.ConnectionReconnectingError
        await self._send_command(commands)
        await self._flush_pending()
        heed_cancellation()

    async def api(self, subject: str, body: dict[str, Any] | None = None, *, timeout: float = 5.0) -> dict[str, Any]:
        """A JetStream API request. Raises ApiError when it is refused, TimeoutError or NoRespondersError otherwise."""
        payload = json.dumps(body).encode() if body is not None else b""
        try:
            message = await self.request(f"$JS.API.{subject}", payload, timeout=timeout)
        finally:
            heed_cancellation()  # an answer or an error at the same moment has swallowed it
        return raise_api_error(json.loads(message.data))

    async def reopened(self) -> None:
        """Reconnect callback: everything that was in flight on the old connection is in doubt."""
        self.epoch += 1


def raise_api_error(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer itself, or ApiError for an answer that says `error`."""
    error = answer.get("error")
    if error:
        raise ApiError(int(error.get("err_code", 0)), str(error.get("description", "")))
    return answer


def hpub(subject: str, headers: bytes, payload: bytes, reply: str = "") -> bytes:
    """One `HPUB` command. `headers` is the block from `NATS/1.0` to the blank line."""
    size = len(headers)
    return b"HPUB %b %b%d %d\r\n%b%b\r\n" % (
        subject.encode(),
        reply.encode() + b" " if reply else b"",
        size,
        size + len(payload),
        headers,
        payload,
    )


async def _never(_: Any) -> None:
    raise AssertionError("a raw subscription delivers through its handler")


class Replies:
    """Answers to prepared publishes: an inbox of its own, a future for each expected answer."""

    def __init__(self, client: StreamClient) -> None:
        self._client = client
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._inbox = ""
        self._count = 0

    async def open(self) -> None:
        """Subscribes the inbox; survives reconnects, as nats-py subscribes again by itself."""
        self._inbox = self._client.new_inbox()
        await self._client.subscribe_raw(self._inbox + ".*", self._on_reply)

    def expect(self) -> tuple[str, asyncio.Future[dict[str, Any]]]:
        """A reply subject and the future of its answer; the future raises ApiError when the answer is a refusal."""
        self._count += 1
        reply = f"{self._inbox}.{self._count}"
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[reply] = future
        return reply, future

    def forget(self, reply: str) -> None:
        """Stops waiting for an answer."""
        self._waiting.pop(reply, None)

    def _on_reply(self, subject: bytes, _reply: bytes, data: bytes, headers: bytes) -> None:
        future = self._waiting.pop(subject.decode(), None)
        if future is None or future.done():
            return
        try:
            if not data:
                raise ApiError(503, f"no answer to expect: {headers[:40]!r}")
            future.set_result(raise_api_error(json.loads(data)))
        except (ApiError, ValueError) as error:
            future.set_exception(error)
