"""Rules of organisations: a tree whose names, groups and parents are dated. Pure: tree and wishes in, events out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from services.registry import organisation_refusals as refusals
from shared import errors
from shared.clock import start_of_day
from shared.contracts.registry import (
    HeadcountDeclared,
    OrganisationChanged,
    OrganisationDissolved,
    OrganisationRegistered,
)

BEGINNING, OPEN = date.min, date.max
"""First day of what was there before the movement; first day after what has no end."""
GROUP = "group"
"""Sector of the groups that the plan names; they are the roots under which organisations stand."""


class State(NamedTuple):
    """What an organisation is called and where it stands, from a day on until before another."""

    organisation_id: str
    valid_from: date
    valid_to: date
    name: str
    sector: str
    parent_id: str | None

    @property
    def first(self) -> date | None:
        """First day; None: from before the movement."""
        return None if self.valid_from == BEGINNING else self.valid_from

    @property
    def last_day(self) -> date | None:
        """Last day, included; None: it has no end."""
        return None if self.valid_to == OPEN else self.valid_to - timedelta(days=1)


Tree = Mapping[str, Sequence[State]]
"""All states of every organisation, in the order of their days."""


class Registration(NamedTuple):
    """A wish to register an organisation."""

    organisation_id: str
    name: str
    sector: str
    headcount: int | None
    parent_id: str | None
    valid_from: date | None


class Change(NamedTuple):
    """What an organisation is to be from a day on, all of it."""

    organisation_id: str
    name: str
    sector: str
    parent_id: str | None
    effective_on: date


class Dissolution(NamedTuple):
    """What a dissolution does: the state that ends, the organisations that the successor takes over, the events."""

    ended: State
    moved: Sequence[State]
    events: Sequence[OrganisationDissolved | OrganisationChanged]


def grow(states: Iterable[State]) -> dict[str, list[State]]:
    """The tree of these states."""
    tree: dict[str, list[State]] = {}
    for state in sorted(states, key=lambda s: (s.organisation_id, s.valid_from)):
        tree.setdefault(state.organisation_id, []).append(state)
    return tree


def register(tree: Tree, wish: Registration, now: datetime) -> tuple[State, OrganisationRegistered]:
    """A new organisation."""
    since = wish.valid_from or BEGINNING
    refusals.not_in_future("valid_from", since, now)
    state = State(wish.organisation_id, since, OPEN, wish.name, wish.sector, wish.parent_id)
    _may_stand(tree, state, "valid_from")
    at = start_of_day(wish.valid_from) if wish.valid_from else now
    return state, OrganisationRegistered(occurred_at=at, **wish._asdict())


def change(tree: Tree, wish: Change, now: datetime) -> tuple[State, OrganisationChanged]:
    """Name, group or parent from a day on. The day of the last change may be named again: that change is replaced."""
    last = in_being(tree, wish.organisation_id)
    refusals.not_in_future("effective_on", wish.effective_on, now)
    _after_the_last(last, wish.effective_on, "effective_on")
    state = State(wish.organisation_id, wish.effective_on, OPEN, wish.name, wish.sector, wish.parent_id)
    if state[3:] == last[3:]:
        raise errors.invalid(
            "nothing_changes",
            "name",
            "Tên, nhóm và cơ quan cấp trên đều giữ nguyên. Hãy sửa ít nhất một mục.",
            "Name, group and parent are as they were. Change at least one of them.",
        )
    _stays_a_group(last, wish)
    _may_stand(tree, state, "effective_on")
    return state, _changed(state, wish.effective_on)


def dissolve(tree: Tree, organisation_id: str, last_day: date, successor_id: str | None, now: datetime) -> Dissolution:
    """The end of an organisation; what stands below it passes to the successor on the next day."""
    last = in_being(tree, organisation_id)
    refusals.not_in_future("last_day", last_day, now)
    if last.sector == GROUP:
        raise errors.conflict(
            "group_stays", "organisation_id", "Nhóm của kế hoạch không giải thể được.", "A group of the plan stays."
        )
    _after_the_last(last, last_day, "last_day")
    after = last_day + timedelta(days=1)
    if successor_id:
        _may_succeed(tree, organisation_id, successor_id, after)
    below = _below_on(tree, organisation_id, after)
    if below and not successor_id:
        raise refusals.others_below([s.name for s in below])
    moved = [s._replace(parent_id=successor_id, valid_from=after) for s in below]
    ended = OrganisationDissolved(
        occurred_at=start_of_day(last_day), organisation_id=organisation_id, last_day=last_day,
        successor_id=successor_id,
    )  # fmt: skip
    return Dissolution(last._replace(valid_to=after), moved, [*(_changed(s, last_day) for s in moved), ended])


def declare(
    states: Sequence[State], organisation_id: str, headcount: int, valid_from: date, now: datetime
) -> HeadcountDeclared:
    """How many people an organisation has from a day on, without those of the organisations below it."""
    if not states:
        raise refusals.no_such_organisation(organisation_id)
    refusals.not_in_future("valid_from", valid_from, now)
    if not states[0].valid_from <= valid_from < states[-1].valid_to:
        raise errors.invalid(
            "outside_its_life",
            "valid_from",
            f"«{states[-1].name}» không hoạt động vào ngày {valid_from:%d/%m/%Y}. {_life(states).vi}",
            f"«{states[-1].name}» is not there on {valid_from}. {_life(states).en}",
        )
    return HeadcountDeclared(
        occurred_at=start_of_day(valid_from), organisation_id=organisation_id, headcount=headcount,
        valid_from=valid_from,
    )  # fmt: skip


def in_being(tree: Tree, organisation_id: str) -> State:
    """The last state of an organisation that has no end. Raises 404 or 409."""
    states = tree.get(organisation_id)
    if not states:
        raise refusals.no_such_organisation(organisation_id)
    if states[-1].valid_to != OPEN:
        raise errors.conflict(
            "dissolved_already",
            "organisation_id",
            f"«{states[-1].name}» đã kết thúc hoạt động. {_life(states).vi}",
            f"«{states[-1].name}» is dissolved. {_life(states).en}",
        )
    return states[-1]


def stands_below(tree: Tree, organisation_id: str, above_id: str, since: date) -> bool:
    """Whether it is, or stands at any depth below, the other one on some day from `since` on."""
    return above_id in _above(tree, organisation_id, since, OPEN)


def _above(tree: Tree, organisation_id: str, since: date, until: date) -> Iterator[str]:
    """The organisation and all above it on any day from `since` until before `until`."""
    yield organisation_id
    for state in tree.get(organisation_id, ()):
        begins, ends = max(since, state.valid_from), min(until, state.valid_to)
        if state.parent_id and begins < ends:
            yield from _above(tree, state.parent_id, begins, ends)


def _may_stand(tree: Tree, state: State, field: str) -> None:
    """Raises when its parent is unknown, not there for as long, or below it."""
    if state.parent_id is None:
        return
    if state.sector == GROUP:
        raise errors.invalid(
            "group_is_a_root", "parent_id", "Nhóm của kế hoạch không có cấp trên.", "A group of the plan has no parent."
        )
    above = tree.get(state.parent_id)
    if not above:
        raise refusals.unknown("parent_id", state.parent_id)
    if above[0].valid_from > state.valid_from or above[-1].valid_to != OPEN:
        raise errors.invalid(
            "parent_not_there",
            "parent_id",
            f"«{above[-1].name}» không hoạt động suốt từ ngày đã chọn. {_life(above).vi} Hãy chọn cấp trên khác "
            f"hoặc ngày khác ở mục «{field}».",
            f"«{above[-1].name}» is not there all the time from that day on. {_life(above).en} Choose another parent, "
            f"or another day in `{field}`.",
        )
    if stands_below(tree, state.parent_id, state.organisation_id, state.valid_from):
        raise errors.invalid(
            "parent_below",
            "parent_id",
            f"«{above[-1].name}» trực thuộc chính «{state.name}» nên không thể là cấp trên.",
            f"«{above[-1].name}» stands below «{state.name}» itself, so it cannot be above it.",
        )


def _stays_a_group(last: State, wish: Change) -> None:
    if (last.sector == GROUP) != (wish.sector == GROUP):
        raise errors.invalid(
            "group_stays",
            "sector",
            "Nhóm của kế hoạch không đổi thành tổ chức, và ngược lại.",
            "A group of the plan does not become an organisation, nor the other way round.",
        )


def _may_succeed(tree: Tree, organisation_id: str, successor_id: str, after: date) -> None:
    states = tree.get(successor_id)
    if not states:
        raise refusals.unknown("successor_id", successor_id)
    if stands_below(tree, successor_id, organisation_id, after):
        raise errors.invalid(
            "successor_below",
            "successor_id",
            f"«{states[-1].name}» là chính tổ chức này hoặc trực thuộc nó. Hãy chuyển cấp trên trước, rồi giải thể.",
            f"«{states[-1].name}» is this organisation or stands below it. Change its parent first, then dissolve.",
        )
    if states[0].valid_from > after or states[-1].valid_to != OPEN:
        raise errors.invalid(
            "successor_not_there",
            "successor_id",
            f"«{states[-1].name}» không hoạt động vào ngày {after:%d/%m/%Y}. {_life(states).vi}",
            f"«{states[-1].name}» is not there on {after}. {_life(states).en}",
        )


def _after_the_last(last: State, day: date, field: str) -> None:
    if day < last.valid_from:
        raise refusals.newer_change(field, last.name, last.valid_from)


def _changed(state: State, happened_on: date) -> OrganisationChanged:
    return OrganisationChanged(
        occurred_at=start_of_day(happened_on), organisation_id=state.organisation_id, name=state.name,
        sector=state.sector, parent_id=state.parent_id, effective_on=state.valid_from,
    )  # fmt: skip


def _below_on(tree: Tree, organisation_id: str, day: date) -> list[State]:
    """The states that stand below it on `day` and have no end. Raises when something below changes later than that."""
    found = [s for states in tree.values() for s in states if s.parent_id == organisation_id and s.valid_to > day]
    for state in found:
        if state.valid_from > day or state.valid_to != OPEN:
            still = state.valid_from if state.valid_to == OPEN else state.valid_to
            raise refusals.still_below(state.name, still - timedelta(days=1))
    return found


def _life(states: Sequence[State]) -> errors.Text:
    return refusals.life(states[0].first, states[-1].last_day)
