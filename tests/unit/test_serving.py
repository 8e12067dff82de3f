"""The socket that HTTP is served on."""

from __future__ import annotations

import asyncio
import socket

import pytest

from phongtrao.serving import PortInUse, bind


async def test_answers_leave_at_once_instead_of_waiting_for_the_acknowledgement_of_their_head() -> None:
    found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def accepted(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served: socket.socket = writer.get_extra_info("socket")
        found.set_result(served.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    listening = bind("127.0.0.1", 0)
    async with await asyncio.start_server(accepted, sock=listening):
        _, writer = await asyncio.open_connection(*listening.getsockname())
        assert await asyncio.wait_for(found, 5)
        writer.close()


def test_a_port_that_is_taken_is_named_with_another_to_try() -> None:
    taken = bind("127.0.0.1", 0)
    port = taken.getsockname()[1]
    try:
        with pytest.raises(PortInUse, match=f"{port}.*PHONGTRAO_PORT={port + 1}"):
            bind("127.0.0.1", port)
    finally:
        taken.close()
