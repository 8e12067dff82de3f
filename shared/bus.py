"""The bus: streams, subjects, rights, connections. The only file that knows NATS options (design: messaging).

FastStream is the shell: its broker carries request and reply, ticks and notices, and its declared channels become the
AsyncAPI document. Events themselves move over `StreamClient`: published by `shared.relay`, read by `shared.follow`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import nats.errors
from faststream.nats import NatsBroker
from faststream.security import SASLPlaintext

from shared.contracts import PRODUCERS
from shared.telemetry import logger
from shared.wire import ApiError, StreamClient

log = logger(__name__)

MAX_PAYLOAD = 4 * 1024 * 1024
"""Bytes; the server's limit for a message."""
RECONNECT_WAIT = 0.25
"""Seconds between attempts to connect again; the attempts never end (messaging: F4)."""
OnClosed = Callable[[], Awaitable[None]]

OPS = "ops"
"""The NATS user of operators: everything."""

_STREAM_NOT_FOUND = 10059


def stream_name(service: str, province: str) -> str:
    """`REGISTRY_51`: one stream for each service and province."""
    return f"{service.upper()}_{province}"


def stream_config(service: str, province: str, *, replicas: int = 1) -> dict[str, Any]:
    """The one declaration of a service's stream: kept for ever, written by one relay, batches allowed."""
    return {
        "name": stream_name(service, province),
        "description": f"Events of {service}; sequence = position in its log",
        "subjects": [f"cds.{province}.{service}.>"],
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "max_age": 0,
        "max_msgs": -1,
        "max_bytes": -1,
        "max_msg_size": -1,
        "num_replicas": replicas,
        "duplicate_window": 120_000_000_000,
        "compression": "s2",
        "deny_delete": True,
        "deny_purge": True,
        "allow_direct": True,
        "allow_atomic": True,
    }


async def ensure_stream(client: StreamClient, service: str, province: str, *, replicas: int = 1) -> dict[str, Any]:
    """Creates the service's stream when it is missing; answers with its state (`first_seq`, `last_seq`, …).

    A stream that exists is never changed here: a relay must not rewrite a running stream's configuration.
    """
    name = stream_name(service, province)
    try:
        info = await client.api(f"STREAM.INFO.{name}")
    except ApiError as error:
        if error.code != _STREAM_NOT_FOUND:
            raise
        log.warning("stream_created", stream=name)
        info = await client.api(f"STREAM.CREATE.{name}", stream_config(service, province, replicas=replicas))
    state: dict[str, Any] = info["state"]
    return state


async def stream_state(client: StreamClient, service: str, province: str) -> dict[str, Any] | None:
    """State of a service's stream, None when there is no such stream."""
    try:
        info = await client.api(f"STREAM.INFO.{stream_name(service, province)}")
    except ApiError as error:
        if error.code == _STREAM_NOT_FOUND:
            return None
        raise
    state: dict[str, Any] = info["state"]
    return state


async def event_id_at(client: StreamClient, service: str, province: str, sequence: int) -> str | None:
    """The `ce-id` of the message at a sequence; None when the stream cannot say (no such message any more)."""
    try:
        answer = await client.api(f"STREAM.MSG.GET.{stream_name(service, province)}", {"seq": sequence})
    except ApiError:
        return None
    block = base64.b64decode(answer["message"].get("hdrs", ""))
    for line in block.split(b"\r\n"):
        name, _, value = line.partition(b": ")
        if name == b"ce-id":
            return value.decode()
    return None


async def connect(
    url: str, *, user: str, password: str = "", name: str = "", on_closed: OnClosed | None = None
) -> StreamClient:
    """A connection that never gives up. Waits for the server's port first: a first failure costs nats-py two seconds.

    `on_closed` is told when it is closed all the same: by us, or for good by an error that nats-py does not survive
    (rights that were taken back, for example).
    """
    client = StreamClient()
    await _reachable(url)

    async def on_error(error: Exception) -> None:
        log.warning("nats_error", user=user, reason=str(error) or type(error).__name__)

    await client.connect(
        url,
        name=name or user,
        user=user if password else None,
        password=password or None,
        max_reconnect_attempts=-1,
        reconnect_time_wait=RECONNECT_WAIT,  # type: ignore[arg-type]  # nats-py sleeps this long, fractions work
        connect_timeout=2,
        ping_interval=5,
        max_outstanding_pings=2,
        error_cb=on_error,
        reconnected_cb=client.reopened,
        closed_cb=on_closed,
        pending_size=64 * 1024 * 1024,
        inbox_prefix=f"_INBOX_{user}",
    )
    return client


async def _reachable(url: str, *, attempts: int = 240) -> None:
    host, _, port = url.split("://", 1)[-1].rsplit("@", maxsplit=1)[-1].partition(":")
    for _ in range(attempts):
        try:
            _, writer = await asyncio.open_connection(host, int(port or 4222))
        except OSError:
            await asyncio.sleep(RECONNECT_WAIT)
            continue
        writer.close()
        return
    raise ConnectionError(f"no NATS server answers at {host}:{port}; is it running, is PHONGTRAO_NATS_URL right?")


def make_broker(url: str, *, user: str, password: str = "", on_closed: OnClosed | None = None) -> NatsBroker:
    """FastStream's broker with endless reconnects, for request and reply, ticks and notices."""
    return NatsBroker(
        url,
        name=f"{user}-shell",
        security=SASLPlaintext(username=user, password=password) if password else None,
        max_reconnect_attempts=-1,
        reconnect_time_wait=1,
        closed_cb=on_closed,
        inbox_prefix=f"_INBOX_{user}",
        graceful_timeout=2.0,
        logger=None,
    )


def query_subject(province: str, service: str, question: str) -> str:
    """Subject of a question to a read model: `q.51.reporting.overview`."""
    return f"q.{province}.{service}.{question}"


def tick_subject(province: str, service: str) -> str:
    """Subject that says «this service's read model moved»; a lost tick costs a refresh, never a number."""
    return f"tick.{province}.{service}"


def notice_subject(province: str, service: str, name: str) -> str:
    """Subject of a notice to those who look after a service: `notice.51.reporting.event_parked`."""
    return f"notice.{province}.{service}.{name}"


def permissions(service: str, province: str) -> dict[str, Any]:
    """What a service's NATS user may do: write its own stream, read the others, answer its questions (invariant 3)."""
    own = stream_name(service, province)
    follow = [
        f"$JS.API.{verb}"
        for producer in PRODUCERS
        for stream in [stream_name(producer, province)]
        for verb in (
            f"STREAM.INFO.{stream}",
            f"STREAM.MSG.GET.{stream}",
            f"CONSUMER.CREATE.{stream}.>",
            f"CONSUMER.MSG.NEXT.{stream}.>",
            f"CONSUMER.INFO.{stream}.>",
            f"CONSUMER.DELETE.{stream}.>",
        )
    ]
    write = [f"cds.{province}.{service}.>", f"$JS.API.STREAM.CREATE.{own}"] if service in PRODUCERS else []
    shell = [f"tick.{province}.{service}", f"notice.{province}.{service}.>", f"q.{province}.>", "$JS.API.INFO"]
    return {
        "publish": [*write, *follow, *shell],
        "allow_responses": True,  # into the inbox of whoever asked, partners too; into no other inbox
        "subscribe": [f"_INBOX_{service}.>", f"q.{province}.{service}.>", f"tick.{province}.>", f"notice.{province}.>"],
    }


def authorization(passwords: Mapping[str, str], province: str) -> str:
    """The server's `authorization { … }` block: a user for each service and one for operators.

    `passwords` maps user to password; a value that begins with `$` stays a variable that the server reads from its
    environment, so that a committed file holds no secret.
    """

    def quoted(password: str) -> str:
        return password if password.startswith("$") else json.dumps(password)

    users = []
    for service in (*PRODUCERS, "reporting"):
        rights = json.dumps(permissions(service, province))
        users.append(f"  {{ user: {service}, password: {quoted(passwords[service])}, permissions: {rights} }}")
    users.append(f"  {{ user: {OPS}, password: {quoted(passwords[OPS])} }}")
    return "authorization {\n users: [\n" + "\n".join(users) + "\n ]\n}\n"


NATS_ERRORS = (nats.errors.Error, ApiError, OSError, TimeoutError, ssl.SSLError)
"""What a retry may heal when talking to the server."""
