"""HTTP: a socket that is ours before anything starts, and a uvicorn that ends when told, open streams included."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

GRACE = 3
"""Seconds that requests under way may take after the order to stop."""


class PortInUse(RuntimeError):
    """Another program listens on the port."""


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises PortInUse with what to do."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Said in full, because asyncio turns Nagle's delay off only where the protocol is named: 40 ms an answer otherwise.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(2048)
    except OSError as error:
        sock.close()
        raise PortInUse(
            f"Cannot listen on {host}:{port} ({error.strerror}). Stop the program that does, or choose another port:"
            f" PHONGTRAO_PORT={port + 1 if port < 65535 else 8000}"
        ) from error
    return sock


def address(sock: socket.socket) -> str:
    """What to type into a browser on this machine."""
    host, port = sock.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{host}:{port}"


class EndStreams:
    """Ends event streams when the server stops; without this each open page would hold it until the grace is over."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._streams: set[asyncio.Task[object]] = set()
        self._stopping = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_stream(message):
                self._streams.add(task)
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except asyncio.CancelledError:
            if not self._stopping:
                raise
            task.uncancel()
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._streams.discard(task)

    def end(self) -> None:
        """Ends all that are open."""
        self._stopping = True
        for task in list(self._streams):
            task.cancel()


def _is_stream(message: Message) -> bool:
    return any(name == b"content-type" and value.startswith(b"text/event-stream") for name, value in message["headers"])


class _Server(uvicorn.Server):
    """Signals belong to whoever runs us."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


@asynccontextmanager
async def serving(site: Starlette, sock: socket.socket) -> AsyncIterator[None]:
    """Runs the site's lifespan, serves it on `sock`, and on leaving ends both, the requests first."""
    streams = EndStreams(site)
    config = uvicorn.Config(
        streams,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=GRACE,
    )
    logging.getLogger("uvicorn.error").setLevel("WARNING")
    async with site.router.lifespan_context(site):
        server = _Server(config)
        task = asyncio.create_task(server.serve(sockets=[sock]))
        try:
            while not server.started and not task.done():
                await asyncio.sleep(0.01)
            yield
        finally:
            streams.end()
            server.should_exit = True
            await task
