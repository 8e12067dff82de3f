"""What the lines of organisations would do: register, change, declare headcounts. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from services.registry import organisation
from services.registry.imports.ids import id_of
from services.registry.imports.line import Outcome, Read, Remark, Verdict, from_problem, wrong
from services.registry.imports.names import spelling
from services.registry.imports.organisation_names import Organisations
from services.registry.imports.scope import Scope
from services.registry.organisation import Change, Registration, State
from shared.contracts import Event
from shared.errors import Problem

FIELDS = {"parent_id": "parent"}
Headcounts = Mapping[str, Sequence[tuple[date, int]]]
"""Of each organisation, by day."""


class Changes(NamedTuple):
    """What is to be written."""

    registered: list[tuple[State, int | None]]
    states: list[State]
    headcounts: list[tuple[str, int, date]]
    events: list[Event]


class _Refused(Exception):
    """The line is not written; why."""

    def __init__(self, *remarks: Remark) -> None:
        super().__init__()
        self.remarks = remarks


class Lines:
    """Checks lines of organisations against the tree and against each other."""

    def __init__(self, tree: organisation.Tree, headcounts: Headcounts, scope: Scope) -> None:
        self._tree = {key: list(states) for key, states in tree.items()}
        self._headcounts, self._scope = headcounts, scope
        self._names = Organisations(self._tree)
        self._rows: dict[str, int] = {}
        self.changes = Changes([], [], [], [])

    def check(self, reads: Sequence[Read]) -> list[Verdict]:
        """What each line would do. A line whose parent stands further down waits for it."""
        verdicts: dict[int, Verdict] = {}
        waiting = list(reads)
        while waiting:
            self._names = Organisations(self._tree)
            done = {r.line.number: self._verdict(r, last=False) for r in waiting}
            settled = {number: v for number, v in done.items() if v is not None}
            if not settled:
                settled = {r.line.number: v for r in waiting if (v := self._verdict(r, last=True))}
            verdicts |= settled
            waiting = [r for r in waiting if r.line.number not in settled]
        return [verdicts[r.line.number] for r in reads]

    def _verdict(self, read: Read, *, last: bool) -> Verdict | None:
        number = read.line.number
        if read.refused:
            return Verdict(number, Outcome.REFUSED, read.remarks)
        try:
            day = self._scope.today
            parent = self._names.resolve(read, "parent", day, self._scope)
            if isinstance(parent, Remark):
                if not last and not parent.candidates:
                    return None
                raise _Refused(parent)
            return Verdict(number, self._apply(read, parent), read.remarks)
        except _Refused as refused:
            return Verdict(number, Outcome.REFUSED, (*read.remarks, *refused.remarks))
        except Problem as problem:
            return Verdict(number, Outcome.REFUSED, (*read.remarks, *from_problem(problem, FIELDS)))

    def _apply(self, read: Read, parent_id: str | None) -> Outcome:
        known = self._known(read, parent_id)
        organisation_id = known or read.get("organisation_id") or _id_of(read, parent_id)
        if earlier := self._rows.get(organisation_id):
            raise _Refused(wrong("name", f"trùng với dòng {earlier}", f"the same as row {earlier}"))
        outcome = (
            self._update(read, organisation_id, parent_id) if known else self._new(read, organisation_id, parent_id)
        )
        self._rows[organisation_id] = read.line.number
        return outcome

    def _known(self, read: Read, parent_id: str | None) -> str | None:
        named = read.get("organisation_id")
        if named:
            return named if named in self._tree else None
        found = self._names.find(read.get("name"), self._scope.today)
        below = [s for s in found if s.parent_id == parent_id] or found
        if len(below) > 1:
            remark = self._names.resolve(read, "name", self._scope.today, self._scope)
            if isinstance(remark, Remark):
                raise _Refused(remark)
            return remark
        return below[0].organisation_id if below else None

    def _new(self, read: Read, organisation_id: str, parent_id: str | None) -> Outcome:
        wish = Registration(
            organisation_id, read.get("name"), read.get("sector"), read.get("headcount"), parent_id,
            read.get("valid_from"),
        )  # fmt: skip
        state, event = organisation.register(self._tree, wish, self._scope.now)
        self._tree[organisation_id] = [state]
        self.changes.registered.append((state, wish.headcount))
        self.changes.events.append(event)
        return Outcome.NEW

    def _update(self, read: Read, organisation_id: str, parent_id: str | None) -> Outcome:
        """An organisation on record. An empty cell says nothing."""
        last = organisation.in_being(self._tree, organisation_id)
        name = last.name if spelling(read.get("name")) == spelling(last.name) else read.get("name")
        wished = (name, read.get("sector"), parent_id if read.get("parent") else last.parent_id)
        state: State | None = None
        events: list[Event] = []
        if wished != last[3:]:
            change = Change(organisation_id, *wished, _needed(read, "effective_on", "Thay đổi từ ngày", "Changed from"))
            state, changed = organisation.change(self._tree, change, self._scope.now)
            events.append(changed)
        counted = self._headcount(read, organisation_id, events)
        if state:
            self.changes.states.append(state)
            self._tree[organisation_id] = [*_before(self._tree[organisation_id], state.valid_from), state]
        if counted:
            self.changes.headcounts.append(counted)
        self.changes.events.extend(events)
        return Outcome.CHANGED if events else Outcome.UNCHANGED

    def _headcount(self, read: Read, organisation_id: str, events: list[Event]) -> tuple[str, int, date] | None:
        wanted = read.get("headcount")
        declared = self._headcounts.get(organisation_id, ())
        if wanted is None or (declared and declared[-1][1] == wanted):
            return None
        since = _needed(read, "headcount_since", "Số người tính từ ngày", "Headcount since")
        if (since, wanted) in declared:
            return None
        states = self._tree[organisation_id]
        events.append(organisation.declare(states, organisation_id, wanted, since, self._scope.now))
        return organisation_id, wanted, since


def _id_of(read: Read, parent_id: str | None) -> str:
    return id_of("organisation", parent_id or "", spelling(read.get("name")))


def _before(states: Sequence[State], day: date) -> list[State]:
    return [s._replace(valid_to=min(s.valid_to, day)) for s in states if s.valid_from < day]


def _needed(read: Read, column: str, vi: str, en: str) -> date:
    day: date | None = read.get(column)
    if day is None:
        raise _Refused(wrong(column, f"khác với trong sổ: hãy ghi «{vi}»", f"differs from the record: give «{en}»"))
    return day
