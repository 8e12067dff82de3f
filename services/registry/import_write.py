"""Writes what the good lines of an upload do, in the transaction in which its plan was made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Sized
from typing import TypeVar

from services.registry import vault
from services.registry.import_plan import Asked, Plan
from services.registry.import_progress import Share
from services.registry.imports import organisations as organisation_lines
from services.registry.imports import roster
from services.registry.imports.villages import Changes as VillageChanges
from services.registry.membership import Membership
from services.registry.person import Why
from services.registry.store import memberships, organisations, teams, units
from shared import errors
from shared.db import Conn

T = TypeVar("T")
AT_ONCE = 2_000
"""Rows of a statement: many, as each statement costs a trip; not all, so that the progress moves."""


async def save(conn: Conn, asked: Asked, plan: Plan) -> None:
    """Writes a plan and tells its progress."""
    changes, lines = plan.changes, len(asked.lines)
    if isinstance(changes, roster.Changes):
        written: tuple[Sized, ...] = (changes.teams, changes.joined, changes.roles, changes.left, changes.people)
        pieces = sum(len(some) for some in written)
        await _save_roster(conn, asked, changes, Share(asked.tick, lines=lines, pieces=pieces))
    elif isinstance(changes, VillageChanges):
        share = Share(asked.tick, lines=lines, pieces=len(changes.states))
        for states in _parts(changes.states):
            await units.save_states(conn, states, known_from=asked.scope.now)
            share.add(len(states))
    else:
        await _save_organisations(conn, changes)


async def _save_roster(conn: Conn, asked: Asked, changes: roster.Changes, share: Share) -> None:
    now = asked.scope.now
    for formed in _parts(changes.teams):
        if await teams.save_teams(conn, formed, known_from=now) != len(formed):
            raise errors.conflict(
                "id_taken", "team_id", "Mã của một tổ mới đã được dùng. Hãy tải tệp lên lại.",
                "The id of a new team is taken. Upload the file again.",
            )  # fmt: skip
        share.add(len(formed))
    await teams.save_places(conn, changes.places, known_from=now)
    await _save_people(conn, changes.joined)
    for joined in _parts(changes.joined):
        await memberships.save_memberships(conn, joined, known_from=now)
        share.add(len(joined))
    await memberships.save_roles(conn, changes.roles, known_from=now)
    await memberships.end_memberships(conn, changes.left)
    share.add(len(changes.roles) + len(changes.left))
    people = {p.member_id: p for p in changes.people}
    share.add(len(changes.people) - len(people))
    for some in _parts([people[member_id] for member_id in sorted(people)]):
        await vault.write_people(conn, asked.caller, some, Why.IMPORT, now)
        share.add(len(some))


async def _save_people(conn: Conn, joined: Sequence[Membership]) -> None:
    named = {m.member_id: m.organisation_id for m in joined}
    there = await memberships.people(conn, named)
    await memberships.save_people(conn, [pair for pair in named.items() if pair[0] not in there])
    known = [(member_id, its) for member_id, its in named.items() if member_id in there and its]
    await memberships.save_organisations_of(conn, known)


async def _save_organisations(conn: Conn, changes: organisation_lines.Changes) -> None:
    for state, headcount in changes.registered:
        await organisations.save_organisation(conn, state, headcount)
    for state in changes.states:
        await organisations.save_state(conn, state)
    for organisation_id, headcount, since in changes.headcounts:
        await organisations.save_headcount(conn, organisation_id, headcount, since)


def _parts(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    return (rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE))
