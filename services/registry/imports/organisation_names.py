"""Finds organisations by what people call them, on a day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from difflib import get_close_matches

from services.registry.imports.line import Candidate, Read, Remark, wrong
from services.registry.imports.names import spelling
from services.registry.imports.scope import Scope
from services.registry.organisation import State, Tree
from shared.errors import Text
from shared.vietnamese import search_key


class Organisations:
    """All states of all organisations, to be found by id or name."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._by_name: dict[str, list[State]] = {}
        for state in (s for states in tree.values() for s in states):
            for key in (f"={spelling(state.name)}", search_key(state.name)):
                self._by_name.setdefault(key, []).append(state)
        self._known: dict[tuple[str, date], list[State]] = {}

    def find(self, typed: str, day: date) -> list[State]:
        """The organisations that it may be on a day: none, the one, or those to choose from."""
        if (typed, day) not in self._known:
            self._known[typed, day] = next((found for found in self._tries(typed, day) if found), [])
        return self._known[typed, day]

    def _tries(self, typed: str, day: date) -> Iterator[list[State]]:
        for states in (self.tree.get(typed, ()), *self._named(typed)):
            yield list({s.organisation_id: s for s in states if s.valid_from <= day < s.valid_to}.values())

    def _named(self, typed: str) -> tuple[list[State], list[State]]:
        return self._by_name.get(f"={spelling(typed)}", []), self._by_name.get(search_key(typed), [])

    def resolve(self, read: Read, column: str, day: date, scope: Scope) -> str | Remark | None:
        """The id that a cell means; a remark where it is none or several."""
        typed = read.get(column)
        if typed is None:
            return None
        found = self.find(typed, day)
        if len(found) == 1:
            return found[0].organisation_id
        candidates = tuple(Candidate(s.organisation_id, self._label(s)) for s in found)
        return scope.chosen(read, column, candidates) or self._refuse(typed, candidates, column)

    def _label(self, state: State) -> str:
        above = self.tree.get(state.parent_id or "")
        return f"{state.name} ({above[-1].name})" if above else state.name

    def _refuse(self, typed: str, candidates: tuple[Candidate, ...], column: str) -> Remark:
        names = ", ".join(f"«{c.name}»" for c in candidates)
        if candidates:
            said = Text(f"«{typed}» có thể là {names}; hãy chọn một tổ chức", f"«{typed}» may be {names}; choose one")
            return Remark(column, said, candidates=candidates)
        close = get_close_matches(search_key(typed), list(self._by_name), n=3, cutoff=0.6)
        meant = ", ".join(f"«{self._by_name[key][-1].name}»" for key in close)
        return wrong(
            column,
            f"không có cơ quan, tổ chức «{typed}» vào ngày này" + (f"; có phải {meant}?" if meant else ""),
            f"there is no organisation «{typed}» on that day" + (f"; did you mean {meant}?" if meant else ""),
        )
