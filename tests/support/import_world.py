"""A registry without a database, that grows with each upload: what lines of a sheet do to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from services.registry import editions
from services.registry.imports import roster
from services.registry.imports.columns import Reader
from services.registry.imports.ids import People
from services.registry.imports.kinds import TEAMS
from services.registry.imports.line import Choice, Line, Outcome, Verdict
from services.registry.imports.organisation_names import Organisations
from services.registry.imports.persons import Known, Persons
from services.registry.imports.places import Places
from services.registry.imports.scope import Scope
from services.registry.imports.team_lines import Matcher, Teams, at, by_team
from services.registry.membership import Membership
from services.registry.organisation import BEGINNING, OPEN, State, grow
from services.registry.person import Held, Person
from services.registry.site import Site
from services.registry.team import NameSince, TeamHistory, first_place
from services.registry.unit import Unit
from shared.contracts import Event
from tests.support.sheets import TEAM

NOW = datetime(2023, 7, 28, 1, tzinfo=UTC)
MAP = editions.units("2023")
ORGANISATION_TREE = grow([
    State("nhom", BEGINNING, OPEN, "Đoàn thể", "group", None),
    State("tinh-doan", BEGINNING, OPEN, "Tỉnh đoàn Quảng Ngãi", "youth_union", "nhom"),
])  # fmt: skip


def a_scope(*units: str, choices: Sequence[Choice] = ()) -> Scope:
    return Scope(frozenset(units or ("51",)), "51", NOW, tuple(choices))


class World:
    """What is on record, growing with each upload, without a database."""

    def __init__(self, units: Sequence[Unit] = MAP) -> None:
        self.units = list(units)
        self.teams: dict[str, TeamHistory] = {}
        self.members: dict[tuple[Any, ...], Membership] = {}
        self.people: dict[str, Person] = {}
        self.erased: set[str] = set()
        self.events: list[Event] = []

    def upload(self, *lines: Mapping[str, Any], scope: Scope | None = None) -> list[Verdict]:
        """What the lines do, in the order of the sheet; the good ones are written."""
        scope = scope or a_scope()
        reader = Reader(TEAMS.columns)
        known = Teams(self.teams.values())
        matcher = Matcher(Places(self.units, scope.own_units), known, scope)
        found_lines = [matcher.match(reader.read(Line(n, line))) for n, line in enumerate(lines, 2)]
        matched = [at(m, m.site._replace(later=self._later(m.site)), scope) if m.site else m for m in found_lines]
        groups = by_team(matched)
        on_teams: dict[str, list[str]] = {}
        for place in self.members.values():
            on_teams.setdefault(place.team_id, []).append(place.member_id)
        held = {p.member_id: Held(p, None) for p in self.people.values()}
        pairs = [(t, line.read) for t, found in groups.items() for line in found]
        persons = Persons(Known(held, frozenset(self.erased), on_teams), People(b"k" * 32), pairs)
        changes, verdicts = roster.nothing(), list[Verdict]()
        for team_id, found in groups.items():
            there = [m for m in self.members.values() if m.team_id == team_id]
            one = roster.Roster(team_id, known.by_id.get(team_id), there, persons, scope)
            verdicts += one.apply(found, Organisations(ORGANISATION_TREE), changes)
        verdicts += [
            Verdict(m.read.line.number, Outcome.REFUSED, (*m.read.remarks, *m.remarks))
            for m in matched if m.team_id is None or m.refused
        ]  # fmt: skip
        self._write(changes)
        return sorted(verdicts, key=lambda v: v.number)

    def _later(self, site: Site) -> tuple[Site, ...]:
        """Later states of the same unit; no unit of these tests ends."""
        same = (u for u in self.units if u.unit_id == site.unit.unit_id and u.valid_from > site.unit.valid_from)
        return tuple(Site(u, False) for u in same)

    def _write(self, changes: roster.Changes) -> None:
        for team in changes.teams:
            named = (NameSince(team.formed_on, team.name),)
            self.teams[team.team_id] = TeamHistory(team, (first_place(team),), named)
        for place in (*changes.joined, *(m for m, _ in changes.roles), *changes.left):
            self.members[place[:3]] = place
        self.people |= {p.member_id: p for p in changes.people}
        self.events = changes.events


def a_line(name: str | None = None, **changed: Any) -> dict[str, Any]:
    cells = {**TEAM, **({"full_name": name} if name else {}), **changed}
    return {key: value for key, value in cells.items() if value is not None}


def outcomes(verdicts: Sequence[Verdict]) -> list[str]:
    return [v.outcome.value for v in verdicts]


def said(verdict: Verdict) -> dict[str | None, str]:
    """What refuses a line, by column."""
    return {r.column: r.text.vi for r in verdict.remarks if r.refuses}
