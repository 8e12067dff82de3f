"""What an upload would do to what is on record now: loads what its lines are checked against, checks, and writes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from services.registry import team_access, vault
from services.registry.import_progress import Tick
from services.registry.imports import organisations as organisation_lines
from services.registry.imports import roster
from services.registry.imports.columns import Reader
from services.registry.imports.ids import People
from services.registry.imports.kinds import FORMS, Kind
from services.registry.imports.line import Candidate, Line, Outcome, Read, Remark, Verdict
from services.registry.imports.organisation_names import Organisations
from services.registry.imports.persons import Known, Persons
from services.registry.imports.places import Places
from services.registry.imports.scope import Scope
from services.registry.imports.team_lines import Matcher, TeamLine, Teams, at, by_team
from services.registry.imports.villages import Changes as VillageChanges
from services.registry.imports.villages import Villages
from services.registry.membership import Membership
from services.registry.person import Held, Why
from services.registry.site import Site
from services.registry.store import imports, lineage, memberships, organisations, teams, units
from services.registry.store import vault as vault_store
from services.registry.store.levels import all_levels
from services.registry.unit import Unit
from shared import errors
from shared.auth import Caller
from shared.contracts import Event
from shared.db import Conn


class Plan(NamedTuple):
    """What each line would do, and all of it to be written."""

    verdicts: Sequence[Verdict]
    changes: roster.Changes | VillageChanges | organisation_lines.Changes

    @property
    def events(self) -> Sequence[Event]:
        """What happens."""
        return self.changes.events

    @property
    def summary(self) -> dict[str, int]:
        """Lines by what they would do."""
        counted = Counter(v.outcome for v in self.verdicts)
        return {outcome.value: counted[outcome] for outcome in Outcome}


class Asked(NamedTuple):
    """An upload, who wants it, and whether it is to be written: then what it touches is locked."""

    kind: Kind
    lines: Sequence[Line]
    caller: Caller
    scope: Scope
    writing: bool
    tick: Tick


async def make(conn: Conn, asked: Asked) -> Plan:
    """The plan of an upload. Wants a transaction; reads of the vault are put on record in it."""
    makers = {Kind.TEAMS: _teams, Kind.VILLAGES: _villages, Kind.ORGANISATIONS: _organisations}
    return await makers[asked.kind](conn, asked)


def _read(asked: Asked) -> list[Read]:
    reader = Reader(FORMS[asked.kind].columns)
    return [reader.read(line) for line in asked.lines]


# -- teams and members ------------------------------------------------------------------------------------------------


async def _teams(conn: Conn, asked: Asked) -> Plan:
    if asked.writing:
        await imports.lock_imports(conn)
        await units.hold_map(conn)
    places = Places(await imports.all_states(conn), asked.scope.own_units, await all_levels(conn))
    known = Teams((await teams.histories(conn, await imports.team_ids(conn))).values())
    matched = await _follow(conn, asked, places, await asyncio.to_thread(_match, asked, places, known))
    groups = by_team(matched)
    there = sorted(set(groups) & set(known.by_id))
    found = await teams.lock_histories(conn, there) if asked.writing else known.by_id
    held = await memberships.memberships(conn, there)
    persons = await _persons(conn, asked, groups, held)
    names = Organisations(await organisations.tree(conn))

    def apply() -> Plan:
        changes, verdicts, on = roster.nothing(), list[Verdict](), _by_team(held)
        for team_id, lines in groups.items():
            one = roster.Roster(team_id, found.get(team_id), on.get(team_id, ()), persons, asked.scope)
            verdicts += one.apply(lines, names, changes)
            asked.tick(len(lines))
        verdicts += [_refused(line) for line in matched if line.team_id is None or line.refused]
        return Plan(sorted(verdicts, key=lambda v: v.number), changes)

    return await asyncio.to_thread(apply)


def _match(asked: Asked, places: Places, known: Teams) -> list[TeamLine]:
    matcher = Matcher(places, known, asked.scope)
    return [matcher.match(read) for read in _read(asked)]


async def _follow(conn: Conn, asked: Asked, places: Places, lines: Sequence[TeamLine]) -> list[TeamLine]:
    """The same lines, with what became of the sites of new teams by reforms since they were formed."""
    known: dict[tuple[str, date, str | None], tuple[Site, ...] | Remark] = {}
    choices: dict[str, tuple[Candidate, ...]] = {}
    found: list[TeamLine] = []
    for line in lines:
        site, anchor = line.site, line.site.anchor if line.site else None
        if site is None or anchor is None:
            found.append(line)
            continue
        if anchor.valid_to is not None and anchor.unit_id not in choices:
            choices[anchor.unit_id] = await _successors(conn, asked, places, anchor)
        chosen = asked.scope.chosen(line.read, "unit", choices.get(anchor.unit_id, ()))
        key = (anchor.unit_id, anchor.valid_from, chosen)
        if key not in known:
            known[key] = await _later(conn, anchor, chosen, choices.get(anchor.unit_id, ()))
        later = known[key]
        if isinstance(later, Remark):
            found.append(line._replace(remarks=(*line.remarks, later)))
        else:
            found.append(at(line, site._replace(later=later), asked.scope))
    return found


async def _later(
    conn: Conn, anchor: Unit, chosen: str | None, candidates: tuple[Candidate, ...]
) -> tuple[Site, ...] | Remark:
    try:
        return await team_access.later(conn, anchor, chosen)
    except errors.Problem as problem:
        return Remark("unit", problem.detail, candidates=candidates)


async def _successors(conn: Conn, asked: Asked, places: Places, ended: Unit) -> tuple[Candidate, ...]:
    today = asked.scope.today
    found = [places.on_day(r.unit_id, today) for r in await lineage.successors(conn, ended.unit_id, today)]
    return tuple(Candidate(u.unit_id, u.name) for u in found if u)


def _refused(line: TeamLine) -> Verdict:
    return Verdict(line.read.line.number, Outcome.REFUSED, (*line.read.remarks, *line.remarks))


async def _persons(
    conn: Conn, asked: Asked, groups: Mapping[str, Sequence[TeamLine]], held: Sequence[Membership]
) -> Persons:
    people = People(await imports.secret(conn))
    pairs = [(team_id, line.read) for team_id, lines in groups.items() for line in lines]
    new = {people.id_of(r.get("full_name"), r.get("phone"), t) for t, r in pairs if r.get("full_name")}
    ids = sorted(new | {m.member_id for m in held})
    if not asked.writing:  # what is written leaves a record of its own
        await vault.read_people(conn, asked.caller, ids, Why.IMPORT, asked.scope.now)
    on_teams = {team_id: [m.member_id for m in found] for team_id, found in _by_team(held).items()}
    known = Known(await _held(conn, asked, ids), frozenset(await vault_store.erased(conn, ids)), on_teams)
    return Persons(known, people, pairs)


async def _held(conn: Conn, asked: Asked, ids: Sequence[str]) -> dict[str, Held]:
    """What the vault holds of these; locked only where it is to be written."""
    if asked.writing:
        return await vault_store.lock(conn, ids)
    looking = conn.transaction()
    await looking.start()
    try:
        return await vault_store.lock(conn, ids)
    finally:
        await looking.rollback()  # to the savepoint: the locks go with it


def _by_team(held: Sequence[Membership]) -> dict[str, list[Membership]]:
    found: dict[str, list[Membership]] = {}
    for place in held:
        found.setdefault(place.team_id, []).append(place)
    return found


# -- villages, organisations ------------------------------------------------------------------------------------------


async def _villages(conn: Conn, asked: Asked) -> Plan:
    if asked.writing:
        await units.lock_map(conn)
    places = Places(await imports.all_states(conn), asked.scope.own_units, await all_levels(conn))
    lines = Villages(places, asked.scope)
    verdicts = await asyncio.to_thread(lambda: lines.check(_read(asked)))
    asked.tick(len(verdicts))
    return Plan(verdicts, lines.changes)


async def _organisations(conn: Conn, asked: Asked) -> Plan:
    if asked.writing:
        await organisations.lock_tree(conn)
    lines = organisation_lines.Lines(await organisations.tree(conn), await imports.headcounts(conn), asked.scope)
    verdicts = await asyncio.to_thread(lambda: lines.check(_read(asked)))
    asked.tick(len(verdicts))
    return Plan(verdicts, lines.changes)
