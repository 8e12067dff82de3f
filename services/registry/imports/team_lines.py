"""Which team each line is about: one on record, or a new one, at a unit in force on the founding day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import NamedTuple

from services.registry.imports.ids import id_of
from services.registry.imports.line import Candidate, Read, Remark, wrong
from services.registry.imports.names import spelling
from services.registry.imports.places import Places, Sought, without_hint
from services.registry.imports.scope import Scope, outside
from services.registry.site import TEAM_LEVELS, Site
from services.registry.team import TeamHistory
from services.registry.unit import Unit
from shared.contracts.reform import Level


class TeamLine(NamedTuple):
    """A line and its team. Either the team is on record, or there is a site for a new one, or it is refused."""

    read: Read
    team_id: str | None
    site: Site | None = None
    remarks: tuple[Remark, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether nothing of the line can be written."""
        return self.read.refused or any(r.refuses for r in self.remarks)


class Teams:
    """The teams on record, to be found by where they are and what they are called, on any day."""

    def __init__(self, histories: Iterable[TeamHistory]) -> None:
        self.by_id = {h.team.team_id: h for h in histories}
        self._by_key: dict[tuple[str, str, str, str], list[TeamHistory]] = {}
        for history in self.by_id.values():
            for key in {(p.unit_id, p.level.value, spelling(p.village or ""), spelling(n.name))
                        for p in history.places for n in history.names}:  # fmt: skip
                self._by_key.setdefault(key, []).append(history)

    def like(self, unit_id: str, read: Read) -> TeamHistory | None:
        """The team of a unit that a line describes, unless that one had ended before the line's was formed."""
        found = self._by_key.get((unit_id, *_said(read)), [])
        formed_on = read.get("formed_on")
        there = [h for h in found if h.team.disbanded_on is None or h.team.disbanded_on >= formed_on]
        return max(there, key=lambda h: h.team.formed_on, default=None)


class Matcher:
    """Finds the team of each line."""

    def __init__(self, places: Places, teams: Teams, scope: Scope) -> None:
        self._places, self._teams, self._scope = places, teams, scope
        self._sites: dict[tuple[str, date, str | None], Site] = {}

    def match(self, read: Read) -> TeamLine:
        """The team of a line whose cells were understood."""
        if read.refused:
            return TeamLine(read, None)
        if team_id := read.get("team_id"):
            return self._named(read, self._teams.by_id.get(team_id), team_id)
        found, remark = self._units(read)
        known = [h for u in found if (h := self._teams.like(u.unit_id, read))]
        if len(known) == 1:
            return self._known(read, known[0])
        if remark:
            return TeamLine(read, None, remarks=(remark,))
        return self._new(read, found[0])

    def _units(self, read: Read) -> tuple[list[Unit], Remark | None]:
        """The unit on the founding day; of a team on record, today's name does too."""
        sought = _sought(read, read.get("formed_on"))
        found = self._places.find(sought)
        if len(found) == 1:
            return found, None
        if not found:
            today = self._places.find(sought._replace(day=self._scope.today))
            return today, self._places.refuse(sought, found, "unit")
        candidates = [Candidate(u.unit_id, u.name) for u in found]
        if chosen := self._scope.chosen(read, "unit", candidates):
            return [u for u in found if u.unit_id == chosen], None
        return found, self._places.refuse(sought, found, "unit")

    def _named(self, read: Read, history: TeamHistory | None, team_id: str) -> TeamLine:
        if history is None:
            vi, en = f"không có tổ mang mã «{team_id}»; để trống nếu là tổ mới", f"there is no team with id «{team_id}»"
            return TeamLine(read, None, remarks=(wrong("team_id", vi, f"{en}; leave it empty for a new team"),))
        at = {p.unit_id for p in history.places}
        days = (read.get("formed_on"), self._scope.today, *(p.valid_from for p in history.places))
        sought = {u.unit_id for day in dict.fromkeys(days) for u in self._places.find(_sought(read, day))}
        line = self._known(read, history)
        if not sought.isdisjoint(at) or line.refused:
            return line
        return line._replace(remarks=(*line.remarks, _moved()))

    def _known(self, read: Read, history: TeamHistory) -> TeamLine:
        """A team on record: the caller's, and described as it is on record. A file does not rewrite a decision."""
        where = history.places[-1]
        if not self._scope.covers(where.path):
            return TeamLine(read, None, remarks=(outside("unit", read.get("unit")),))
        return TeamLine(read, history.team.team_id, remarks=tuple(_differences(read, history)))

    def _new(self, read: Read, unit: Unit) -> TeamLine:
        formed_on = read.get("formed_on")
        level, village, name = _said(read)
        team_id = id_of("team", unit.unit_id, level, village, name, formed_on.isoformat())
        if there := self._teams.by_id.get(team_id):  # it was corrected since, or somebody gave the id to another team
            return self._named(read, there, team_id)
        found = self._village(read, unit)
        if isinstance(found, Remark):
            return TeamLine(read, None, remarks=(found,))
        return TeamLine(read, team_id, self._site(unit, formed_on, found))

    def _site(self, unit: Unit, day: date, village: Unit | None) -> Site:
        key = (unit.unit_id, day, village.unit_id if village else None)
        if key not in self._sites:
            self._sites[key] = Site(unit, self._places.has_communes(unit.unit_id, day), village)
        return self._sites[key]

    def _village(self, read: Read, unit: Unit) -> Unit | Remark | None:
        """The village as a unit, where it is one: whichever is chosen, where several below the unit are called so."""
        name = read.get("village")
        if not name:
            return None
        sought = Sought(name, None, read.get("formed_on"), (Level.VILLAGE,), unit.unit_id)
        found = self._places.find(sought)
        chosen = self._scope.chosen(read, "village", [Candidate(u.unit_id, u.name) for u in found])
        fitting = [u for u in found if chosen in (None, u.unit_id)]
        if len(fitting) > 1:
            return self._places.refuse(sought, fitting, "village")
        return fitting[0] if fitting else None


def at(line: TeamLine, site: Site, scope: Scope) -> TeamLine:
    """A line of a new team, at a site of which is known what became of it since; where it is today must be the
    caller's."""
    today = site.on(scope.today).unit
    if scope.covers(today.path):
        return line._replace(site=site)
    return line._replace(remarks=(*line.remarks, outside("unit", today.name)))


def _said(read: Read) -> tuple[str, str, str]:
    return (read.get("level").value, spelling(read.get("village") or ""), spelling(read.get("team_name")))


def _sought(read: Read, day: date) -> Sought:
    return Sought(read.get("unit"), read.get("district"), day, TEAM_LEVELS[read.get("level")])


def _moved() -> Remark:
    return wrong(
        "unit",
        "tổ mang mã này ở đơn vị khác; muốn chuyển tổ, hãy dùng chức năng «Chuyển tổ»",
        "the team with this id is at another unit; to move a team, use «Move team»",
    )


def _differences(read: Read, history: TeamHistory) -> Iterator[Remark]:
    """What a line says of a team otherwise than the record does."""
    team = history.team
    names = {spelling(n.name) for n in history.names}
    if spelling(read.get("team_name")) not in names:
        yield wrong(
            "team_name",
            f"tổ mang mã này tên là «{team.name}»; muốn đổi tên, hãy dùng chức năng «Đổi tên tổ»",
            f"the team with this id is called «{team.name}»; to rename it, use «Rename team»",
        )
    if read.get("level") not in {p.level for p in history.places}:
        yield _differs("level", team.level.value, team.level.value)
    villages = {spelling(p.village or "") for p in history.places}
    named = read.get("village") or ""
    if named and villages.isdisjoint({spelling(named), spelling(without_hint(named))}):
        yield _differs("village", team.village or "–", team.village or "–")
    if spelling(read.get("decision_number")) != spelling(team.decision_number):
        yield _differs("decision_number", team.decision_number, team.decision_number)
    for column, day in (("decision_date", team.decision_date), ("formed_on", team.formed_on)):
        if read.get(column) != day:
            yield _differs(column, f"{day:%d/%m/%Y}", str(day))


def _differs(column: str, vi: str, en: str) -> Remark:
    return wrong(
        column,
        f"trong sổ là «{vi}»; tệp tải lên không sửa quyết định thành lập của tổ đã có",
        f"on record is «{en}»; a file does not correct the founding of a team that is there",
    )


def by_team(lines: Iterable[TeamLine]) -> Mapping[str, list[TeamLine]]:
    """Lines by team, in the order of the sheet."""
    found: dict[str, list[TeamLine]] = {}
    for line in lines:
        if line.team_id and not line.refused:
            found.setdefault(line.team_id, []).append(line)
    return found
