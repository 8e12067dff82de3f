"""What the lines of villages would do: villages are established below communes, or below other villages. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from services.registry import unit_rules
from services.registry.imports.ids import id_of
from services.registry.imports.line import Candidate, Outcome, Read, Remark, Verdict, from_problem, wrong
from services.registry.imports.names import spelling
from services.registry.imports.places import Places, Sought
from services.registry.imports.scope import Scope, outside
from services.registry.unit import Unit, home_id
from services.registry.unit_levels import UnitKind
from services.registry.unit_rules import Around, Village
from shared.contracts.reform import Level
from shared.contracts.registry import UnitEstablished
from shared.errors import Problem
from shared.vietnamese import search_key

FIELDS = {"name": "village", "kind": "village_kind"}
"""Which column a field of the rules is; the parent is a commune or, where a line names one, a village."""
_COMMUNES = (Level.COMMUNE, Level.DISTRICT)


class Changes(NamedTuple):
    """Villages that are new, and their events."""

    states: list[Unit]
    events: list[UnitEstablished]


class Villages:
    """Checks lines of villages against the map and against each other."""

    def __init__(self, places: Places, scope: Scope) -> None:
        self._places, self._scope = places, scope
        self._kinds = places.levels.kinds_counting_as(Level.VILLAGE)
        self._rows: dict[str, int] = {}
        self._new: dict[str, list[Unit]] = {}
        self._made: dict[tuple[str, str], list[Unit]] = {}
        self.changes = Changes([], [])

    def check(self, reads: Iterable[Read]) -> list[Verdict]:
        """What each line would do. A line may name a village of another line, wherever in the file that stands."""
        lines = list(reads)
        found = {read.line.number: self._verdict(read) for read in sorted(lines, key=self._rank)}
        return [found[read.line.number] for read in lines]

    def _rank(self, read: Read) -> int:
        named = None if read.refused else _name(read, self._kinds)
        if named is None or isinstance(named, Remark):
            return 0
        level = self._places.levels.level_of(named[1])
        return level.rank if level else 0

    def _verdict(self, read: Read) -> Verdict:
        outcome, remarks = (Outcome.REFUSED, ()) if read.refused else self._check(read)
        return Verdict(read.line.number, outcome, (*read.remarks, *remarks))

    def _check(self, read: Read) -> tuple[Outcome, Sequence[Remark]]:
        named = _name(read, self._kinds)
        if isinstance(named, Remark):
            return Outcome.REFUSED, [named]
        if village_id := read.get("village_id"):
            return self._named(read, village_id, *named)
        commune = self._commune(read)
        above = self._village(commune, read) if isinstance(commune, Unit) and read.get("above") else commune
        if isinstance(above, Remark):
            return Outcome.REFUSED, [above]
        return self._below(above, read, *named)

    def _named(self, read: Read, village_id: str, name: str, kind: str) -> tuple[Outcome, Sequence[Remark]]:
        days = (read.get("valid_from"), self._scope.today)
        known = next((u for d in days if (u := self._places.on_day(village_id, d))), None)
        if known is None or known.level is not Level.VILLAGE:
            vi, en = (
                f"không có thôn mang mã «{village_id}»; để trống nếu là thôn mới",
                f"no village has id «{village_id}»",
            )
            return Outcome.REFUSED, [wrong("village_id", vi, en)]
        if not self._scope.covers(known.path):
            return Outcome.REFUSED, [outside("unit", read.get("unit"))]
        return _compared(known, name, kind)

    def _commune(self, read: Read) -> Unit | Remark:
        sought = Sought(read.get("unit"), read.get("district"), read.get("valid_from"), _COMMUNES)
        found = self._places.find(sought)
        chosen = self._scope.chosen(read, "unit", [Candidate(u.unit_id, u.name) for u in found])
        fitting = [u for u in found if chosen in (None, u.unit_id)]
        if len(fitting) != 1:
            return self._places.refuse(sought, fitting, "unit")
        commune = fitting[0]
        if not self._scope.covers(commune.path):
            return outside("unit", commune.name)
        if self._places.has_communes(commune.unit_id, sought.day):
            vi, en = f"«{commune.name}» có các xã, phường: hãy ghi một trong số đó", f"«{commune.name}» has communes"
            return wrong("unit", vi, f"{en}: name one of them")
        return commune

    def _village(self, commune: Unit, read: Read) -> Unit | Remark:
        """The village of the commune that a line says it is a part of: of this file, or on record."""
        name, since = read.get("above"), read.get("valid_from")
        new = [u for u in self._made.get((commune.unit_id, spelling(name)), ()) if u.holds_on(since)]
        sought = Sought(name, None, since, (Level.VILLAGE,), commune.unit_id)
        found = [*self._places.find(sought), *new]
        chosen = self._scope.chosen(read, "above", [Candidate(u.unit_id, u.name) for u in found])
        fitting = [u for u in found if chosen in (None, u.unit_id)]
        return fitting[0] if len(fitting) == 1 else self._places.refuse(sought, fitting, "above")

    def _below(self, parent: Unit, read: Read, name: str, kind: str) -> tuple[Outcome, Sequence[Remark]]:
        key = f"{parent.unit_id}\0{spelling(name)}"
        if earlier := self._rows.get(key):
            return Outcome.REFUSED, [wrong("village", f"trùng với dòng {earlier}", f"the same as row {earlier}")]
        self._rows[key] = read.line.number
        known = self._known(parent, read, name)
        return _compared(known, name, kind) if known else self._establish(parent, read, name, kind)

    def _known(self, parent: Unit, read: Read, name: str) -> Unit | None:
        for day in (read.get("valid_from"), self._scope.today):
            found = self._places.find(Sought(name, None, day, (Level.VILLAGE,), parent=parent.unit_id))
            same = [u for u in found if spelling(u.name) == spelling(name)]
            if same:
                return same[0]
        return self._places.last(_id(parent, name, read))  # made by this very line once, and corrected since

    def _establish(self, parent: Unit, read: Read, name: str, kind: str) -> tuple[Outcome, Sequence[Remark]]:
        since = read.get("valid_from")
        village = Village(_id(parent, name, read), name, kind, since)
        beside = [*self._places.below(parent.unit_id, since), *self._new.get(parent.unit_id, ())]
        try:
            around = Around(self._places.levels, parent, beside)
            state, event = unit_rules.establish(village, around, self._scope.now)
        except Problem as problem:
            above = "above" if read.get("above") else "unit"
            return Outcome.REFUSED, from_problem(problem, {**FIELDS, "parent_id": above})
        self._new.setdefault(parent.unit_id, []).append(state)
        self._made.setdefault((home_id(state), spelling(name)), []).append(state)
        self.changes.states.append(state)
        self.changes.events.append(event)
        return Outcome.NEW, ()


def _id(parent: Unit, name: str, read: Read) -> str:
    return id_of("village", parent.unit_id, spelling(name), read.get("valid_from").isoformat())


def _name(read: Read, kinds: Sequence[UnitKind]) -> tuple[str, str] | Remark:
    """The full name with the kind in front, and the kind: as the column says, or as the name itself does."""
    name, typed = read.get("village"), read.get("village_kind")
    before = [k for k in kinds if search_key(name).startswith(search_key(k.word_vi) + " ")]
    said = max(before, key=lambda k: len(k.word_vi), default=None)
    if not typed:
        wanted = wrong("village_kind", "thiếu «Loại» (thôn, bản, tổ dân phố …)", "«Kind» is missing")
        return (name, said.kind_id) if said else wanted
    kind = next((k for k in kinds if search_key(typed) in (search_key(k.word_vi), search_key(k.kind_id))), None)
    if kind is None:
        words = ", ".join(f"«{k.word_vi}»" for k in kinds)
        return wrong("village_kind", f"«{typed}» phải là một trong: {words}", f"«{typed}» must be one of: {words}")
    return (name if said else f"{kind.word_vi} {name}"), kind.kind_id


def _compared(known: Unit, name: str, kind: str) -> tuple[Outcome, Sequence[Remark]]:
    differing = list(_differences(known, name, kind))
    return (Outcome.REFUSED if differing else Outcome.UNCHANGED), differing


def _differences(known: Unit, name: str, kind: str) -> Iterable[Remark]:
    for column, recorded, said in (("village", known.name, name), ("village_kind", known.kind, kind)):
        if spelling(recorded) != spelling(said):
            yield wrong(
                column,
                f"trong sổ là «{recorded}»; hãy dùng chức năng đính chính, tệp tải lên không sửa",
                f"on record is «{recorded}»; use «Correct a unit», a file does not",
            )
