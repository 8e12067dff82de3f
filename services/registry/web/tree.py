"""The map of a day as a tree to look at: any depth, numbers added up from below. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from services.registry.site import TEAM_LEVELS
from services.registry.store.pages import Strength
from services.registry.unit import Unit
from services.registry.unit_levels import STATE, Levels, exact
from shared.contracts.reform import Level
from shared.vietnamese import sort_key

NONE = Strength(0, 0)
_ORDER = [kind.kind_id for kind in STATE.kinds]
_CHOSEN = (Level.DISTRICT, Level.COMMUNE)
_NUMBERS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Node:
    """A unit of the tree with everything below it."""

    unit: Unit
    children: tuple[Node, ...]
    strength: Strength
    """Teams and members here and below."""

    @property
    def kinds(self) -> list[tuple[str, int]]:
        """How many units of each kind are directly below, in the order in which they are listed."""
        return [(kind, len(list(some))) for kind, some in groupby(self.children, key=lambda n: n.unit.kind)]

    @property
    def is_deep(self) -> bool:
        """Whether there is a unit below that has units below it."""
        return any(child.children for child in self.children)


@dataclass(frozen=True, slots=True)
class LevelCount:
    """How many units of a level there are."""

    level: str
    count: int


def grow(units: Sequence[Unit], strengths: Mapping[str, Strength]) -> Node | None:
    """The tree of a day's map; the first unit is its root. None where there is no map."""
    below: dict[str | None, list[Unit]] = {}
    for unit in units:
        below.setdefault(unit.parent_id, []).append(unit)
    return _node(units[0], below, strengths) if units else None


def _node(unit: Unit, below: Mapping[str | None, list[Unit]], strengths: Mapping[str, Strength]) -> Node:
    children = tuple(_node(child, below, strengths) for child in sorted(below.get(unit.unit_id, ()), key=by_place))
    own = strengths.get(unit.unit_id, NONE)
    teams = own.teams + sum(child.strength.teams for child in children)
    members = own.members + sum(child.strength.members for child in children)
    return Node(unit, children, Strength(teams, members))


def by_place(unit: Unit) -> tuple[int, object, str]:
    """Cities and wards before what is in the country; then as Vietnamese sorts, Thôn 2 before Thôn 10; then by id."""
    kind = _ORDER.index(unit.kind) if unit.kind in _ORDER else len(_ORDER)
    return kind, sort_key(_NUMBERS.sub(lambda found: found[0].zfill(6), unit.name)), unit.unit_id


def counts(units: Iterable[Unit], levels: Levels) -> tuple[LevelCount, ...]:
    """How many units of each level below the province there are, from the top down."""
    found = Counter(exact(unit) for unit in units)
    below = (level.level_id for level in levels.levels if level.counts_as is not Level.PROVINCE)
    return tuple(LevelCount(level_id, found[level_id]) for level_id in below if found[level_id])


def own_words(levels: Levels, lang: str) -> dict[str, dict[str, str]]:
    """What levels and kinds are called that are the province's own, as the pages' dictionary has no words for them."""
    level = {one.level_id: one.name_vi if lang == "vi" else one.name_en for one in levels.levels}
    kind = {one.kind_id: one.word_vi if lang == "vi" else one.word_en for one in levels.kinds}
    return {"level": level, "kind": kind}


def nearest(days: Sequence[date], day: date) -> int:
    """Which of the map's days a day belongs to: the last that is not after it; the first where it is before all."""
    return max((n for n, begun in enumerate(days) if begun <= day), default=0)


def stops(days: Sequence[date], formed: date | None) -> list[date]:
    """The day to look at for each map: its first; of the first map the day on which there is a team, where it is
    within that map's days, as before it there is nothing to see."""
    late = formed is not None and days and days[0] < formed and (len(days) == 1 or formed < days[1])
    return [formed, *days[1:]] if formed is not None and late else list(days)


def grouped(units: Sequence[Unit]) -> list[tuple[Unit, list[Unit]]]:
    """Units to choose from: each district, or commune without a district, with the communes below it."""
    known = {u.unit_id for u in units}
    tops = [u for u in units if u.level in _CHOSEN and (u.level is Level.DISTRICT or u.district_id not in known)]
    below: dict[str | None, list[Unit]] = {}
    for unit in sorted((u for u in units if u.level is Level.COMMUNE), key=by_place):
        below.setdefault(unit.district_id, []).append(unit)
    return [
        (top, below.get(top.unit_id, []) if top.level is Level.DISTRICT else []) for top in sorted(tops, key=by_place)
    ]


def team_levels(choices: Iterable[tuple[Unit, Sequence[Unit]]]) -> list[Level]:
    """The levels of which there may be a team at one of these units, from the top down."""
    units = [unit for top, below in choices for unit in (top, *below)]
    return [level for level, at in TEAM_LEVELS.items() if any(unit.level in at for unit in units)]
