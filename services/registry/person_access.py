"""What every use case of people's data starts with: the places of the person, and the right to reach them."""

from __future__ import annotations

from datetime import datetime

from services.registry import person, vault
from services.registry.store import vault as store
from shared.auth import OFFICERS, Caller, Role
from shared.clock import local_day
from shared.db import Conn
from shared.deps import Svc
from shared.http import Answer

READERS = (*OFFICERS, Role.TEAM_LEADER, Role.MEMBER)
READERS_SCOPE = "officers: people with a place in the caller's units; a leader: the own team; a member: the own data"
DECIDERS = (*OFFICERS, Role.MEMBER)
DECIDERS_SCOPE = "officers: people with a place in the caller's units; a member: the own data"


class PersonAnswer(Answer):
    """The person whom a command was about, without the data."""

    member_id: str


async def reach(conn: Conn, service: Svc, caller: Caller, member_id: str, now: datetime) -> None:
    """Raises 403 when the caller may not reach the person, 404 when there is nobody by that id (any more)."""
    await may_reach(conn, service, caller, member_id, now)
    await vault.must_not_be_erased(conn, member_id)


async def may_reach(conn: Conn, service: Svc, caller: Caller, member_id: str, now: datetime) -> None:
    """Raises 403 when the caller may not reach the person, 404 when there never was one by that id."""
    today = local_day(now)
    places = await store.places(conn, member_id, today)
    person.must_reach(caller, member_id, places, (service.province, today))
    if not places:
        raise person.nothing_held(member_id)
