"""What the lines of villages would do: villages are established below communes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from services.registry import unit
from services.registry.imports.ids import id_of
from services.registry.imports.kinds import VILLAGE_KINDS
from services.registry.imports.line import Candidate, Outcome, Read, Remark, Verdict, wrong
from services.registry.imports.names import spelling
from services.registry.imports.places import Places, Sought
from services.registry.imports.scope import Scope, outside
from services.registry.unit import Unit
from shared.clock import start_of_day
from shared.contracts.reform import Level
from shared.contracts.registry import UnitEstablished
from shared.vietnamese import search_key

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
        self.changes = Changes([], [])

    def check(self, reads: Iterable[Read]) -> list[Verdict]:
        """What each line would do."""
        return [self._verdict(read) for read in reads]

    def _verdict(self, read: Read) -> Verdict:
        remarks = list(read.remarks)
        outcome = Outcome.REFUSED
        if not read.refused:
            commune = self._commune(read)
            if isinstance(commune, Remark):
                remarks.append(commune)
            else:
                outcome, more = self._below(commune, read)
                remarks += more
        return Verdict(read.line.number, outcome, tuple(remarks))

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

    def _below(self, commune: Unit, read: Read) -> tuple[Outcome, Sequence[Remark]]:
        named = _name(read)
        if isinstance(named, Remark):
            return Outcome.REFUSED, [named]
        name, kind = named
        key = f"{commune.unit_id}\0{spelling(name)}"
        if earlier := self._rows.get(key):
            return Outcome.REFUSED, [wrong("village", f"trùng với dòng {earlier}", f"the same as row {earlier}")]
        self._rows[key] = read.line.number
        known = self._known(commune, read, name)
        if known is not None:
            differing = list(_differences(known, name, kind))
            return (Outcome.REFUSED if differing else Outcome.UNCHANGED), differing
        return self._establish(commune, read, name, kind)

    def _known(self, commune: Unit, read: Read, name: str) -> Unit | None:
        if read.get("village_id"):
            days = (read.get("valid_from"), self._scope.today)
            return next((u for d in days if (u := self._places.on_day(read.get("village_id"), d))), None)
        for day in (read.get("valid_from"), self._scope.today):
            found = self._places.find(Sought(name, None, day, (Level.VILLAGE,), commune.unit_id))
            same = [u for u in found if spelling(u.name) == spelling(name)]
            if same:
                return same[0]
        return None

    def _establish(self, commune: Unit, read: Read, name: str, kind: str) -> tuple[Outcome, Sequence[Remark]]:
        since = read.get("valid_from")
        if since > self._scope.today:
            vi, en = f"ngày {since:%d/%m/%Y} ở tương lai", f"{since} lies in the future"
            return Outcome.REFUSED, [wrong("valid_from", vi, en)]
        unit_id = id_of("village", commune.unit_id, spelling(name), since.isoformat())
        district_id, commune_id = unit.place(unit_id, Level.VILLAGE, commune)
        state = Unit(
            unit_id, "", name, kind, Level.VILLAGE, commune.unit_id, district_id, commune_id, "", since,
        )  # fmt: skip
        self.changes.states.append(state)
        said = {k: v for k, v in state._asdict().items() if k in UnitEstablished.model_fields}
        self.changes.events.append(UnitEstablished(occurred_at=start_of_day(since), **said))
        return Outcome.NEW, ()


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


def _differences(known: Unit, name: str, kind: str) -> Iterable[Remark]:
    for column, recorded, said in (("village", known.name, name), ("village_kind", known.kind, kind)):
        if spelling(recorded) != spelling(said):
            yield wrong(
                column,
                f"trong sổ là «{recorded}»; hãy dùng chức năng đính chính, tệp tải lên không sửa",
                f"on record is «{recorded}»; use «Correct a unit», a file does not",
            )
