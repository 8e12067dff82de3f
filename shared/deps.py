"""FastAPI dependencies that every endpoint may take."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

from fastapi import Depends, Request

from shared import errors
from shared.auth import Caller, Role, authorize
from shared.http import MinPos
from shared.projection import store
from shared.reached import Reached
from shared.service import Service


async def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Svc = Annotated[Service, Depends(_service)]
"""The running service."""


async def _reached(request: Request, service: Svc, min_pos: MinPos = None) -> None:
    if not min_pos:
        return
    roles = (request.scope["route"].openapi_extra or {}).get("x-roles", [])
    if "anyone" not in roles:
        authorize(request, tuple(Role(r) for r in roles))  # nobody waits who may not read
    await wait_for(service, min_pos)


Fresh = Depends(_reached)
"""For reads: `min_pos` waits until the read models show at least that position."""


class Asked(NamedTuple):
    """What a command needs to know besides its body."""

    service: Service
    caller: Caller


def ask(*roles: Role) -> Any:
    """`Svc`, `allow` and `Fresh` in one dependency, for what is called most: FastAPI parses query, headers and cookies
    anew for each."""

    async def asked(request: Request, min_pos: MinPos = None) -> Asked:
        caller, service = authorize(request, roles), request.app.state.service
        if min_pos:
            await wait_for(service, min_pos)
        return Asked(service, caller)

    return Depends(asked)


async def wait_for(service: Service, min_pos: str) -> None:
    """Waits up to `read_wait_seconds` until the service has folded `stream:pos[,stream:pos]`. Raises 503 if it has
    not."""
    wanted = {stream: int(pos) for stream, _, pos in (part.partition(":") for part in min_pos.split(","))}
    wanted = {s: p for s, p in wanted.items() if s in service.spec.follows}
    if not wanted:
        return
    for stream, reached in (
        await _reached_of(service).behind(wanted, within=service.settings.read_wait_seconds)
    ).items():
        raise errors.behind(stream, wanted[stream], reached)


def _reached_of(service: Service) -> Reached:
    async def look() -> dict[str, int]:
        async with service.pool.acquire() as conn:
            return await store.live_positions(conn)

    found: Reached | None = service.extras.get("reached")
    if found is None:
        found = service.extras["reached"] = Reached(look)
    return found
