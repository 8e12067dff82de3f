"""Finds units by what people call them, on a day."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from difflib import get_close_matches
from typing import NamedTuple

from services.registry.imports.line import Candidate, Remark, wrong
from services.registry.imports.names import spelling
from services.registry.unit import Unit
from services.registry.unit_levels import STATE, Levels
from shared.contracts.reform import Level
from shared.errors import Text
from shared.vietnamese import bare_key, search_key

_BRACKETS = re.compile(r"(.*?)\s*\(([^()]*)\)\s*")
_CODE = re.compile(r"\d{2,6}")


class Sought(NamedTuple):
    """A unit as a line names it: by name or code, with the district where that is said, on a day."""

    name: str
    district: str | None
    day: date
    levels: tuple[Level, ...]
    within: str | None = None
    """Below this unit only, at any depth."""
    parent: str | None = None
    """Directly below this unit only."""


class Places:
    """All states of all units, as they are known now, to be found by name."""

    def __init__(self, states: Iterable[Unit], mine: Iterable[str] = (), levels: Levels = STATE) -> None:
        self.levels = levels
        words = ((search_key(k.word_vi) + " ", levels.level_of(k.kind_id)) for k in levels.kinds)
        self._said = [(word, level.counts_as) for word, level in words if level]  # by the word in front of a name
        self._by_name: dict[str, list[Unit]] = {}
        self._by_id: dict[str, list[Unit]] = {}
        self._mine = frozenset(mine)
        self._found: dict[Sought, list[Unit]] = {}
        for state in states:
            self._by_id.setdefault(state.unit_id, []).append(state)
            for key in _keys(state):
                self._by_name.setdefault(key, []).append(state)
        self._below: dict[str, list[Unit]] = {}
        for state in self.states():
            self._below.setdefault(state.parent_id or "", []).append(state)

    def states(self) -> Iterator[Unit]:
        """Every state."""
        return (s for states in self._by_id.values() for s in states)

    def on_day(self, unit_id: str | None, day: date) -> Unit | None:
        """A unit as it was on a day."""
        return next((s for s in self._by_id.get(unit_id or "", ()) if s.holds_on(day)), None)

    def has_communes(self, unit_id: str, day: date) -> bool:
        """Whether there are communes directly below a unit on a day."""
        return any(s.level is Level.COMMUNE and s.holds_on(day) for s in self._below.get(unit_id, ()))

    def last(self, unit_id: str | None) -> Unit | None:
        """A unit as it is, or was at last."""
        return max(self._by_id.get(unit_id or "", ()), key=lambda s: s.valid_from, default=None)

    def below(self, unit_id: str, day: date) -> list[Unit]:
        """What is directly below a unit on a day or later."""
        return [s for s in self._below.get(unit_id, ()) if s.valid_to is None or s.valid_to > day]

    def label(self, unit: Unit, day: date) -> str:
        """Its name, with the district in brackets: nobody else is called so on that day."""
        above = self.on_day(unit.parent_id, day)
        return unit.name if above is None or above.level is Level.PROVINCE else f"{unit.name} ({above.name})"

    def find(self, sought: Sought) -> list[Unit]:
        """The units that it may be: none, the one, or those to choose from."""
        if sought not in self._found:
            self._found[sought] = self._search(sought)
        return self._found[sought]

    def _search(self, sought: Sought) -> list[Unit]:
        name, hint = _split(sought.name)
        hints = [h for h in (hint, sought.district) if h]
        for key in self._tries(name, sought.levels):
            fits = [u for u in self._by_name.get(key, ()) if u.level in sought.levels and u.holds_on(sought.day)]
            fits = [u for u in fits if all(self._is_in(u, h, sought.day) for h in hints)]
            fits = [u for u in fits if sought.parent in (None, u.parent_id)]
            fits = [u for u in fits if sought.within is None or sought.within in self._above(u, sought.day)]
            if fits:
                return self._narrow(fits, sought)
        return []

    def _tries(self, name: str, levels: Sequence[Level]) -> list[str]:
        """How to look for a name: exactly first, so that a mark decides where it can. Without its kind only where that
        fits: «Thị trấn Mộ Đức» is not the district of that name."""
        key = search_key(name)
        if _CODE.fullmatch(name):
            return [f"#{name}", f"#{name.zfill(3)}", f"#{name.zfill(5)}", key]
        exactly = f"={spelling(name)}"
        said = {level for word, level in self._said if key.startswith(word)}
        fits = not said or not said.isdisjoint(levels)
        return [exactly, f"={_bare(name)}", key, bare_key(key)] if fits else [exactly, key]

    def _narrow(self, fits: list[Unit], sought: Sought) -> list[Unit]:
        """Of several, the caller's own; a commune rather than the district that is called like it."""
        unique = list({u.unit_id: u for u in fits}.values())
        if Level.COMMUNE in sought.levels:
            unique = [u for u in unique if not self.has_communes(u.unit_id, sought.day)] or unique
        return [u for u in unique if not self._mine.isdisjoint(u.path)] or unique

    def _is_in(self, unit: Unit, hint: str, day: date) -> bool:
        """Whether it is called so, or lies in what is; everything lies in the province, which a city is called like."""
        wanted = {search_key(hint), bare_key(search_key(hint))}
        above = self._above(unit, day).values()
        named = [unit, *(u for u in above if u.level is not Level.PROVINCE or u.unit_id == unit.parent_id)]
        return any(not wanted.isdisjoint({search_key(u.name), bare_key(search_key(u.name)), u.code}) for u in named)

    def _above(self, unit: Unit, day: date) -> dict[str, Unit]:
        """Everything above a unit on a day, from the bottom up."""
        found: dict[str, Unit] = {}
        above = self.on_day(unit.parent_id, day)
        while above is not None:
            found[above.unit_id] = above
            above = self.on_day(above.parent_id, day)
        return found

    def refuse(self, sought: Sought, found: Sequence[Unit], column: str) -> Remark:
        """Why the name is not one unit, and what to do."""
        if found:
            return self._choose(sought, found, column)
        name, _ = _split(sought.name)
        elsewhere = [u for key in self._tries(name, tuple(Level)) for u in self._by_name.get(key, ())]
        if elsewhere:
            return self._not_then(sought, elsewhere, column)
        close = get_close_matches(search_key(name), [k for k in self._by_name if k.isascii()], n=3, cutoff=0.75)
        names = sorted({u.name for key in close for u in self._by_name[key] if u.holds_on(sought.day)})[:3]
        meant = ", ".join(f"«{n}»" for n in names)
        return wrong(
            column,
            f"không có đơn vị «{sought.name}»" + (f"; có phải {meant}?" if meant else ""),
            f"there is no unit «{sought.name}»" + (f"; did you mean {meant}?" if meant else ""),
        )

    def _choose(self, sought: Sought, found: Sequence[Unit], column: str) -> Remark:
        candidates = tuple(Candidate(u.unit_id, self.label(u, sought.day)) for u in found)
        names = ", ".join(f"«{c.name}»" for c in candidates)
        above = ("đơn vị cấp trên", "unit above") if sought.levels == (Level.VILLAGE,) else ("huyện", "district")
        said = Text(
            f"«{sought.name}» có thể là {names}; hãy ghi thêm tên {above[0]} trong ngoặc hoặc chọn một đơn vị",
            f"«{sought.name}» may be {names}; add the {above[1]} in brackets, or choose one",
        )
        return Remark(column, said, candidates=candidates)

    def _not_then(self, sought: Sought, elsewhere: Sequence[Unit], column: str) -> Remark:
        known = sorted({self._life(u) for u in elsewhere})[:4]
        vi, en = (", ".join(part) for part in zip(*known, strict=True))
        return wrong(
            column,
            f"«{sought.name}» không phải đơn vị phù hợp vào ngày {sought.day:%d/%m/%Y}; có: {vi}",
            f"«{sought.name}» is no unit that fits on {sought.day}; there is: {en}",
        )

    def _life(self, unit: Unit) -> tuple[str, str]:
        label = self.label(unit, unit.valid_from)
        since, until = unit.valid_from, unit.valid_to
        vi, en = f"{label} từ {since:%d/%m/%Y}", f"{label} from {since}"
        return (f"{vi} đến trước {until:%d/%m/%Y}", f"{en} until before {until}") if until else (vi, en)


def without_hint(name: str) -> str:
    """`Xóm 1 (Thôn Phước Thịnh)` without what stands in brackets."""
    return _split(name)[0]


def _split(name: str) -> tuple[str, str | None]:
    """`Xã An Phú (Huyện Mộ Đức)` as name and district."""
    match = _BRACKETS.fullmatch(name)
    return (match[1], match[2]) if match and match[1] else (name, None)


def _keys(unit: Unit) -> set[str]:
    """Everything that a state is found by: as it is spelled, without marks, without its kind, by code."""
    key = search_key(unit.name)
    return {k for k in (f"={spelling(unit.name)}", f"={_bare(unit.name)}", key, bare_key(key), f"#{unit.code}") if k}


def _bare(name: str) -> str:
    """The spelling without the kind in front."""
    words = spelling(name).split()
    kept = len(bare_key(search_key(name)).split())
    return " ".join(words[-kept:]) if 0 < kept <= len(words) else " ".join(words)
