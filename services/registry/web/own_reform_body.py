"""The body of the API that a drafted reform makes: fields are named by their paths in it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from pydantic import ValidationError

from services.registry.reform_body import ReformBody
from services.registry.unit import Unit
from services.registry.unit_levels import COMMUNE, STATE, Levels
from shared import errors
from shared.contracts.reform import Level
from shared.errors import Text
from shared.web.forms import NOT_A_DAY, refused, typed_day

PARTS = 4
"""Units that one may be split into on the page; the API takes any number."""
BASIS = ("number", "title", "issuer", "issued_on")
EFFECTIVE, PARENT, HEIR = "plan.effective_on", "plan.successors.0.unit.parent_id", "heir"
_DAYS = ("plan.legal_basis.issued_on", EFFECTIVE)


class What(StrEnum):
    """What is done with the units."""

    MERGE = "merge"
    CHANGE = "change"
    PROMOTE = "promote"
    SPLIT = "split"


class Drawn(NamedTuple):
    """What is done with which units."""

    what: What
    units: Sequence[Unit]
    beside: Sequence[Unit] = ()
    """Units right beside one that is split, which may take over a part of it."""
    levels: Levels = STATE

    @property
    def there(self) -> dict[str, Unit]:
        """Units of today that a part of a split may be: the unit itself, or one beside it."""
        return {u.unit_id: u for u in (*self.units, *self.beside)} if self.what is What.SPLIT else {}

    @property
    def level(self) -> Level:
        """The level that the units count as."""
        return self.units[0].level if self.units else Level.COMMUNE

    @property
    def kinds(self) -> list[str]:
        """Kinds to choose from. A village stays one, at any level; between communes and districts a kind may bring the
        other level."""
        if self.what is not What.PROMOTE or not self.units:
            return self._of(self.level)
        other = {Level.COMMUNE: [Level.DISTRICT], Level.DISTRICT: [Level.COMMUNE]}.get(self.level, [])
        return [k for k in self._of(self.level, *other) if k != self.units[0].kind]

    @property
    def rank(self) -> int:
        """Units of a smaller rank may have these below them; where a kind is chosen, the lowest kind's counts."""
        if self.what is What.PROMOTE:
            return max((level.rank for k in self.kinds if (level := self.levels.level_of(k))), default=0)
        return min((self.levels.rank(u) for u in self.units), default=COMMUNE.rank)

    def _of(self, *levels: Level) -> list[str]:
        return [k.kind_id for level in levels for k in self.levels.kinds_counting_as(level)]


def must_have_enough(drawn: Drawn) -> None:
    """Raises 422 unless there are two units at least to merge, or one to change or to split."""
    count = len(drawn.units)
    if drawn.what is What.MERGE and count < 2:
        raise errors.invalid(
            "too_few_units", "unit", "Hãy chọn ít nhất hai đơn vị để nhập.", "Choose at least two units to merge."
        )
    if drawn.what is not What.MERGE and count != 1:
        raise errors.invalid("one_unit", "unit", "Hãy chọn một đơn vị.", "Choose one unit.")


def first_values(drawn: Drawn, today: str, new_id: Callable[[], str]) -> dict[str, str]:
    """What stands in the form when it is opened."""
    first = drawn.units[0]
    parts = range(PARTS if drawn.what is What.SPLIT else 1)
    values = {f"plan.legal_basis.{name}": "" for name in BASIS}
    values |= {EFFECTIVE: today, PARENT: first.parent_id or "", HEIR: "0", "plan.reform_id": new_id()}
    for n in parts:
        values |= {_unit(n, "unit_id"): new_id(), _unit(n, "name"): "", _unit(n, "code"): "", is_unit(n): ""}
        values[_unit(n, "kind")] = first.kind
    if drawn.what in (What.CHANGE, What.PROMOTE):
        values |= {_unit(0, "unit_id"): first.unit_id, _unit(0, "name"): first.name, _unit(0, "code"): first.code}
    if drawn.what is What.PROMOTE:
        values |= {_unit(0, "name"): "", _unit(0, "kind"): ""}
    return values


def body_of(drawn: Drawn, values: Mapping[str, str]) -> ReformBody:
    """The body of the API. Raises 422 with every field that is wrong."""
    made = [n for n in range(PARTS if drawn.what is What.SPLIT else 1) if _is_made(drawn, values, n)]
    _must_be_apart(drawn, values, made)
    plan = {
        "reform_id": values.get("plan.reform_id", ""),
        "legal_basis": {name: _value(values, f"plan.legal_basis.{name}") for name in BASIS},
        "effective_on": _value(values, EFFECTIVE),
        "successors": [_successor(drawn, values, n) for n in made],
        "heirs": _heirs(drawn, values, made),
    }
    try:
        return ReformBody.model_validate({"plan": plan, "choices": chosen(values)})
    except ValidationError as error:
        unread = [name for name in _DAYS if values.get(name) and typed_day(values[name]) is None]
        empty = [name for name, value in values.items() if name.startswith("plan.") and not value]
        raise refused(error, {**dict.fromkeys(unread, NOT_A_DAY), **dict.fromkeys(empty, _MISSING)}) from error


_MISSING = Text("cần điền mục này", "this has to be filled in")


def chosen(values: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The choices that were made, by what they are for; an empty one is none."""
    found: dict[str, dict[str, str]] = {"teams": {}, "villages": {}}
    for name, value in values.items():
        kind, _, subject_id = name.removeprefix("choices.").partition(".")
        if name.startswith("choices.") and kind in found and value:
            found[kind][subject_id] = value
    return found


def is_unit(n: int) -> str:
    """The field that says which unit of today a part of a split is; empty for a new one."""
    return f"is.{n}"


def _must_be_apart(drawn: Drawn, values: Mapping[str, str], made: Sequence[int]) -> None:
    """Raises 422 where a part is to be a unit that it cannot be, or the same one as another part."""
    seen: set[str] = set()
    for n in made:
        unit_id = values.get(is_unit(n), "")
        if unit_id and (unit_id in seen or unit_id not in drawn.there):
            raise errors.invalid(
                "not_a_part",
                is_unit(n),
                "hãy chọn một đơn vị đang có, mỗi phần một đơn vị khác nhau",
                "choose a unit that there is, another one for each part",
            )
        seen.add(unit_id)


def _is_made(drawn: Drawn, values: Mapping[str, str], n: int) -> bool:
    """The third and the fourth part of a split are made where they have a name, or are a unit of today."""
    return drawn.what is not What.SPLIT or n < 2 or any(values.get(f) for f in (_unit(n, "name"), is_unit(n)))


def _successor(drawn: Drawn, values: Mapping[str, str], n: int) -> dict[str, Any]:
    part = "part" if drawn.what is What.SPLIT else "whole"
    made_of = [{"unit_id": u.unit_id, "part": part} for u in drawn.units]
    if there := drawn.there.get(values.get(is_unit(n), "")):
        unit = {name: getattr(there, name) for name in ("unit_id", "kind", "code", "level", "parent_id")}
        whole = [] if there in drawn.units else [{"unit_id": there.unit_id, "part": "whole"}]
        name = values.get(_unit(n, "name")) or there.name
        return {"unit": {**unit, "name": name}, "predecessors": [*whole, *made_of]}
    unit = {name: values.get(_unit(n, name), "") for name in ("unit_id", "name", "kind", "code")}
    where = {"level": drawn.units[0].level, "parent_id": values.get(PARENT) or None}
    if drawn.what is What.PROMOTE:
        level = drawn.levels.level_of(unit["kind"]) if unit["kind"] in drawn.kinds else None
        where["level"] = level.counts_as if level else drawn.level
        unit["name"] = unit["name"] or as_kind(drawn.units[0], unit["kind"], drawn.levels)
    return {"unit": {**unit, **where}, "predecessors": made_of}


def as_kind(unit: Unit, kind_id: str, levels: Levels) -> str:
    """The full name of a unit as one of another kind; as it is where the word in front is none of a kind."""
    before, after = levels.kind(unit.kind), levels.kind(kind_id)
    if before is None or after is None or not unit.name.startswith(f"{before.word_vi} "):
        return unit.name
    return f"{after.word_vi} {unit.name.removeprefix(f'{before.word_vi} ')}"


def _heirs(drawn: Drawn, values: Mapping[str, str], made: Sequence[int]) -> dict[str, str]:
    """Of a unit that is split and ends: the part that is chosen. Of merged ones it is the only successor anyway.
    Raises 422 for a part that is not made."""
    ids = {n: values.get(is_unit(n)) or values.get(_unit(n, "unit_id"), "") for n in made}
    if drawn.what is not What.SPLIT or drawn.units[0].unit_id in ids.values():
        return {}
    heir = next((n for n in made if values.get(HEIR) == str(n)), None)
    if heir is None:
        raise errors.invalid("not_a_part", HEIR, "hãy chọn một phần có tên ở trên", "choose a part that is named above")
    return {drawn.units[0].unit_id: ids[heir]}


def _value(values: Mapping[str, str], name: str) -> Any:
    text = values.get(name, "")
    return (typed_day(text) or text) if name in _DAYS else text


def _unit(n: int, name: str) -> str:
    return f"plan.successors.{n}.unit.{name}"
