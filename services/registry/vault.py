"""The vault's door: nobody's name or phone goes in or out but by these functions, and each use is on record.

Every function wants a connection within the caller's transaction, so that what is done and its record are committed
together. They ask nobody for rights: the use case has done that before, as it knows the unit. Member ids and contact
ids are alike here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.registry.person import (
    Action,
    Held,
    LegalBasis,
    Person,
    Why,
    erased_already,
    gone,
    id_taken,
    may_read_for,
    nothing_held,
    writable,
)
from services.registry.store import vault as store
from shared.auth import Caller
from shared.db import Conn
from shared.telemetry import current_traceparent

DATA = ("full_name", "phone", "title", "legal_basis")
"""What may be held of a person beside the id."""


async def read_people(
    conn: Conn, caller: Caller, member_ids: Sequence[str], why: Why, now: datetime
) -> dict[str, Person]:
    """The people behind these ids; a record for each one that is read.

    Ids of which nothing is held, and people whose basis is withdrawn (unless `why` is a legal duty), are not in the
    answer: show the role without a name. Raises 403 for a legal duty that is not the caller's.
    """
    may_read_for(caller, why)
    if not member_ids:
        return {}
    access = _access(caller, why, now)
    return await store.read_and_note(conn, access, member_ids, withdrawn_too=why is Why.LEGAL_DUTY)


async def write_person(
    conn: Conn, caller: Caller, person: Person, why: Why, now: datetime, *, renewed: bool = False
) -> None:
    """Writes one person; see `write_people`."""
    await write_people(conn, caller, [person], why, now, renewed=renewed)


async def write_people(
    conn: Conn, caller: Caller, people: Sequence[Person], why: Why, now: datetime, *, renewed: bool = False
) -> None:
    """Writes people, new or known; what is the same already leaves no trace. An id may come once.

    `Why.JOINING` is for new people: 409 `id_taken` for an id behind which there is somebody else.
    Raises 409 `person_erased` for an erased id, and `basis_withdrawn` for a person whose basis is withdrawn, unless
    `renewed` says that there is a new one.
    """
    ids = [p.member_id for p in people]
    known = await store.lock(conn, ids)
    erased = await store.erased(conn, ids)  # after the lock: an erasure that was under way is seen
    for person in people:
        held = known.get(person.member_id)
        writable(held, erased=person.member_id in erased, renewed=renewed)
        if why is Why.JOINING and held and held.person != person:
            raise id_taken()
    changed = [p for p in people if _differs(known.get(p.member_id), p)]
    await store.save_people(conn, changed)
    for action, some in (
        (Action.WRITTEN, [p for p in changed if p.member_id not in known]),
        (Action.CORRECTED, [p for p in changed if p.member_id in known]),
    ):
        fields = [_changed_fields(known.get(p.member_id), p) for p in some]
        await store.note_access(conn, _access(caller, why, now), action, [p.member_id for p in some], fields)


async def withdraw(conn: Conn, caller: Caller, member_id: str, why: Why, now: datetime) -> None:
    """From now on the person's data is read for a legal duty only. Raises 404 when nothing is held, 409 when erased."""
    held = await _held(conn, member_id)
    if held.withdrawn_at is None:
        await store.save_withdrawal(conn, member_id, now)
        await store.note_access(conn, _access(caller, why, now), Action.WITHDRAWN, [member_id], [("legal_basis",)])


async def erase(conn: Conn, caller: Caller, member_id: str, why: Why, now: datetime) -> bool:
    """Deletes what is held of a person, for good: no name comes back under this id. False: it was done before."""
    held = (await store.lock(conn, [member_id])).get(member_id)
    if not await store.save_erasure(conn, member_id, now):
        return False
    fields = _changed_fields(None, held.person) if held else []
    await store.note_access(conn, _access(caller, why, now), Action.ERASED, [member_id], [fields])
    return True


async def basis_of(conn: Conn, member_id: str) -> LegalBasis:
    """The legal basis on which a person is held; the public task for somebody of whom nothing is held yet."""
    held = (await store.lock(conn, [member_id])).get(member_id)
    return held.person.legal_basis if held else LegalBasis.PUBLIC_TASK


async def must_not_be_erased(conn: Conn, member_id: str) -> None:
    """Raises 404 when the person behind an id was erased."""
    if await store.erased(conn, [member_id]):
        raise gone(member_id)


async def note_refusal(conn: Conn, caller: Caller, member_id: str, why: Why, now: datetime) -> None:
    """Puts on record that somebody asked for a person's data and did not get it."""
    await store.note_access(conn, _access(caller, why, now), Action.REFUSED, [member_id], [()])


async def _held(conn: Conn, member_id: str) -> Held:
    held = (await store.lock(conn, [member_id])).get(member_id)
    if held is None:
        raise erased_already() if await store.erased(conn, [member_id]) else nothing_held(member_id)
    return held


def _differs(held: Held | None, person: Person) -> bool:
    return held is None or held.withdrawn_at is not None or held.person != person


def _changed_fields(held: Held | None, person: Person) -> list[str]:
    before = held.person if held else None
    return [f for f in DATA if getattr(person, f) != getattr(before, f, None)]


def _access(caller: Caller, why: Why, now: datetime) -> store.Access:
    return store.Access(now, caller.subject, sorted(caller.roles), why, current_traceparent())
