"""What the lines of villages would do: villages are established below communes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from services.registry import unit_rules
from services.registry.imports.ids import id_of
from services.registry.imports.kinds import VILLAGE_KINDS
from services.registry.imports.line import Candidate, Outcome, Read, Remark, Verdict, from_problem, wrong
from services.registry.imports.names import spelling
from services.registry.imports.places import Places, Sought
from services.registry.imports.scope import Scope, outside
from services.registry.unit import Unit
from services.registry.unit_rules import Village
from shared.contracts.reform import Level
from shared.contracts.registry import UnitEstablished
from shared.errors import Problem
from shared.vietnamese import search_key

FIELDS = {"name": "village", "kind": "village_kind", "parent_id": "unit"}
"""Which column a field of the rules is."""
_COMMUNES = (Level.COMMUNE, Level.DISTRICT)


class Changes(NamedTuple):
    """Villages that are new, and their events."""

    states: list[Unit]
    events: list[UnitEstablished]


class Villages:
    """Checks lines of villages against the map and against each other."""

    def __init__(self, places: Places, scope: Scope) -> None:
        self._places, self._scope = places, scope
        self._rows: dict[str, int] = {}
        self._new: dict[str, list[Unit]] = {}
        self.changes = Changes([], [])

    def check(self, reads: Iterable[Read]) -> list[Verdict]:
        """What each line would do."""
        return [self._verdict(read) for read in reads]

    def _verdict(self, read: Read) -> Verdict:
        outcome, remarks = (Outcome.REFUSED, ()) if read.refused else self._check(read)
        return Verdict(read.line.number, outcome, (*read.remarks, *remarks))

    def _check(self, read: Read) -> tuple[Outcome, Sequence[Remark]]:
        named = _name(read)
        if isinstance(named, Remark):
            return Outcome.REFUSED, [named]
        if village_id := read.get("village_id"):
            return self._named(read, village_id, *named)
        commune = self._commune(read)
        if isinstance(commune, Remark):
            return Outcome.REFUSED, [commune]
        return self._below(commune, read, *named)

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

    def _below(self, commune: Unit, read: Read, name: str, kind: str) -> tuple[Outcome, Sequence[Remark]]:
        key = f"{commune.unit_id}\0{spelling(name)}"
        if earlier := self._rows.get(key):
            return Outcome.REFUSED, [wrong("village", f"trùng với dòng {earlier}", f"the same as row {earlier}")]
        self._rows[key] = read.line.number
        known = self._known(commune, read, name)
        return _compared(known, name, kind) if known else self._establish(commune, read, name, kind)

    def _known(self, commune: Unit, read: Read, name: str) -> Unit | None:
        for day in (read.get("valid_from"), self._scope.today):
            found = self._places.find(Sought(name, None, day, (Level.VILLAGE,), commune.unit_id))
            same = [u for u in found if spelling(u.name) == spelling(name)]
            if same:
                return same[0]
        return self._places.last(_id(commune, name, read))  # made by this very line once, and corrected since

    def _establish(self, commune: Unit, read: Read, name: str, kind: str) -> tuple[Outcome, Sequence[Remark]]:
        since = read.get("valid_from")
        village = Village(_id(commune, name, read), name, kind, since)
        beside = [*self._places.below(commune.unit_id, since), *self._new.get(commune.unit_id, ())]
        try:
            state, event = unit_rules.establish(village, commune, beside, self._scope.now, has_communes=False)
        except Problem as problem:
            return Outcome.REFUSED, from_problem(problem, FIELDS)
        self._new.setdefault(commune.unit_id, []).append(state)
        self.changes.states.append(state)
        self.changes.events.append(event)
        return Outcome.NEW, ()


def _id(commune: Unit, name: str, read: Read) -> str:
    return id_of("village", commune.unit_id, spelling(name), read.get("valid_from").isoformat())


def _name(read: Read) -> tuple[str, str] | Remark:
    """The full name with the kind in front, and the kind: as the column says, or as the name itself does."""
    name, kind = read.get("village"), read.get("village_kind")
    words = {search_key(word) + " ": k for word, k in VILLAGE_KINDS.items()}
    said = next((k for word, k in words.items() if search_key(name).startswith(word)), None)
    if kind is None and said is None:
        return wrong("village_kind", "thiếu «Loại» (thôn, bản, tổ dân phố …)", "«Kind» is missing")
    if said is not None:
        return name, kind or said
    word = next(w for w, k in VILLAGE_KINDS.items() if k == kind)
    return f"{word} {name}", kind


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
