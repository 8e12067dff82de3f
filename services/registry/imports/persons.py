"""Who each line is about: somebody on the team already, somebody known from another upload, or a new person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from services.registry.imports.ids import People
from services.registry.imports.line import Read, Remark, from_problem, wrong
from services.registry.imports.names import number, spelling
from services.registry.person import Held, Person, erased_already, withdrawn_already
from shared.vietnamese import search_key


class Known(NamedTuple):
    """What the vault and the teams say of people, as far as the lines are about them."""

    held: Mapping[str, Held]
    """Members of the teams, and those whose id a new person would get."""
    erased: frozenset[str]
    on_teams: Mapping[str, Iterable[str]]
    """Ids of everybody who ever was on a team, by team."""


class Identified(NamedTuple):
    """Who it is, and what of that person is to be written to the vault."""

    member_id: str
    write: Person | None = None


class Persons:
    """Finds the person of each line."""

    def __init__(self, known: Known, ids: People, lines: Iterable[tuple[str, Read]]) -> None:
        self._known, self._ids = known, ids
        self._namesakes = Counter(
            (team_id, spelling(name))
            for team_id, name, _ in {(t, r.get("full_name"), number(r.get("phone"))) for t, r in lines}
            if name
        )
        self._by_team: dict[str, dict[str, list[Person]]] = {}

    def identify(self, team_id: str, read: Read) -> Identified | list[Remark]:
        """The person of a line with a name; remarks where nobody can be meant."""
        name, phone = read.get("full_name"), read.get("phone")
        found = self._find(team_id, read)
        if isinstance(found, Remark):
            return [found]
        member_id = found.member_id if found else self._ids.id_of(name, phone, team_id)
        if member_id in self._known.erased:
            return from_problem(erased_already(), {"member_id": "full_name"})
        held = self._known.held.get(member_id)
        written = _corrected(held.person if held else None, Person(member_id, name, phone))
        if written and held and held.withdrawn_at:
            return from_problem(withdrawn_already(), {"member_id": "full_name"})
        return Identified(member_id, written)

    def _find(self, team_id: str, read: Read) -> Person | Remark | None:
        on_team = self._team(team_id)
        if member_id := read.get("member_id"):
            known = next((p for p in on_team.get("", ()) if p.member_id == member_id), None)
            return known or _not_on_team(member_id)
        name, phone = read.get("full_name"), number(read.get("phone"))
        same = on_team.get(f"={spelling(name)}", [])
        if len(same) == 1 and self._namesakes[team_id, spelling(name)] <= 1:
            return same[0]
        if by_phone := [p for p in same if number(p.phone) == phone]:
            return by_phone[0]
        if len(same) > 1 and not phone:
            return _several(len(same))
        alike = [p for p in on_team.get(search_key(name), ()) if number(p.phone) == phone] if on_team and phone else []
        return alike[0] if len(alike) == 1 else None

    def _team(self, team_id: str) -> Mapping[str, list[Person]]:
        """People who are or were on a team, by name as spelled, by name without marks, and all under the empty key."""
        if team_id not in self._by_team:
            found: dict[str, list[Person]] = {}
            for member_id in sorted(set(self._known.on_teams.get(team_id, ()))):
                held = self._known.held.get(member_id)
                person = held.person if held else Person(member_id, "")
                for key in {"", f"={spelling(person.full_name)}", search_key(person.full_name)}:
                    found.setdefault(key, []).append(person)
            self._by_team[team_id] = found
        return self._by_team[team_id]


def _corrected(held: Person | None, said: Person) -> Person | None:
    """What to write: nothing where the vault says the same. An empty phone says nothing."""
    if held is None:
        return said
    phone = held.phone if said.phone is None or number(said.phone) == number(held.phone) else said.phone
    name = held.full_name if spelling(said.full_name) == spelling(held.full_name) else said.full_name
    wanted = held._replace(full_name=name, phone=phone)
    return None if wanted == held else wanted


def _not_on_team(member_id: str) -> Remark:
    return wrong(
        "member_id",
        f"không có thành viên mang mã «{member_id}» ở tổ này; để trống nếu là người mới",
        f"there is no member with id «{member_id}» on this team; leave it empty for a new person",
    )


def _several(count: int) -> Remark:
    return wrong(
        "full_name",
        f"tổ có {count} người cùng tên này; hãy ghi số điện thoại hoặc mã thành viên",
        f"the team has {count} people of that name; give the phone or the member id",
    )
