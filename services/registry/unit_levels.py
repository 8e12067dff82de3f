"""Levels and kinds of units as data: the four levels that everything counts at, and any number below a commune. Pure.

A level has a rank; a unit lies below units of a smaller rank only, and any level may be left out. A kind («Thôn»,
«Tổ liên gia») belongs to one level, so a unit's kind says its level (decision 26).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from shared import errors
from shared.contracts.reform import Level
from shared.vietnamese import search_key


class UnitLevel(NamedTuple):
    """A level of the tree."""

    level_id: str
    rank: int
    """The smaller, the higher up."""
    counts_as: Level
    """Which of the four it is or, below a commune, which it counts as."""
    name_vi: str
    name_en: str


class UnitKind(NamedTuple):
    """A kind of unit: what stands in front of its name."""

    kind_id: str
    level_id: str
    word_vi: str
    word_en: str


class Levelled(Protocol):
    """A unit, as far as its level goes."""

    @property
    def level(self) -> Level:
        """Which of the four it counts as."""

    @property
    def level_id(self) -> str | None:
        """Its own level, where that is none of the four."""


class Levels:
    """All levels, from the top down, and all kinds."""

    def __init__(self, levels: Iterable[UnitLevel], kinds: Iterable[UnitKind]) -> None:
        self.levels = tuple(sorted(levels, key=lambda level: level.rank))
        self.kinds = tuple(kinds)
        self._levels = {level.level_id: level for level in self.levels}
        self._kinds = {kind.kind_id: kind for kind in self.kinds}

    def rank(self, unit: Levelled) -> int:
        """How far down a unit is. Raises KeyError for a level that there is not."""
        return self._levels[exact(unit)].rank

    def may_lie_below(self, unit: Levelled, above: Levelled) -> bool:
        """Whether a unit may lie below another, directly or not: so no unit can come to lie below itself."""
        return self.rank(above) < self.rank(unit)

    def level(self, level_id: str) -> UnitLevel | None:
        """A level by its id."""
        return self._levels.get(level_id)

    def kind(self, kind_id: str) -> UnitKind | None:
        """A kind by its id."""
        return self._kinds.get(kind_id)

    def level_of(self, kind_id: str) -> UnitLevel | None:
        """The level that units of a kind are at; None for a kind that there is not."""
        kind = self._kinds.get(kind_id)
        return self._levels[kind.level_id] if kind else None

    def kinds_at(self, level_id: str) -> tuple[str, ...]:
        """The kinds of a level, by id, in their order."""
        return tuple(k.kind_id for k in self.kinds if k.level_id == level_id)

    def kinds_counting_as(self, level: Level) -> tuple[UnitKind, ...]:
        """The kinds of all levels that count as one of the four, from the top down."""
        own = sorted(self.kinds, key=lambda k: self._levels[k.level_id].rank)
        return tuple(k for k in own if self._levels[k.level_id].counts_as is level)


def exact(unit: Levelled) -> str:
    """The id of a unit's own level."""
    return unit.level_id or unit.level.value


def own_id(level: UnitLevel) -> str | None:
    """What a unit of a level says as its `level_id`: nothing, where it is one of the four."""
    return None if level.level_id == level.counts_as else level.level_id


def kind_of_level(levels: Levels, kind_id: str, level: Level) -> UnitLevel:
    """The level of a kind that has to count as `level`. Raises 422 with the kinds that do."""
    found = levels.level_of(kind_id)
    if found is None or found.counts_as is not level:
        fitting = ", ".join(k.kind_id for k in levels.kinds_counting_as(level))
        raise errors.invalid(
            "kind_does_not_fit",
            "kind",
            f"Loại «{kind_id}» không thuộc cấp này. Các loại: {fitting}.",
            f"The kind «{kind_id}» does not fit the level. Kinds: {fitting}.",
        )
    return found


def add_level(levels: Levels, level: UnitLevel, kinds: Iterable[UnitKind]) -> Levels:
    """The levels with another one below the commune, and its kinds. Raises 409 or 422."""
    if levels.level(level.level_id):
        raise _taken("level_id", level.level_id)
    if level.rank <= COMMUNE.rank:
        raise errors.invalid(
            "above_the_commune",
            "rank",
            f"Cấp mới phải ở dưới cấp xã: thứ bậc lớn hơn {COMMUNE.rank}.",
            f"A new level lies below the commune: its rank is greater than {COMMUNE.rank}.",
        )
    same = next((known for known in levels.levels if known.rank == level.rank), None)
    if same is not None:
        raise errors.conflict(
            "rank_taken",
            "rank",
            f"Thứ bậc {level.rank} là của «{same.name_vi}».",
            f"The rank {level.rank} is that of «{same.name_en}».",
        )
    wider = Levels([*levels.levels, level], levels.kinds)
    for n, kind in enumerate(kinds):
        wider = add_kind(wider, kind, field=f"kinds.{n}.")
    return wider


def add_kind(levels: Levels, kind: UnitKind, *, field: str = "") -> Levels:
    """The levels with another kind. Raises 409 or 422; `field` is what stands before the names of the fields."""
    level = levels.level(kind.level_id)
    if level is None:
        known = ", ".join(one.level_id for one in levels.levels)
        raise errors.invalid(
            "unknown_level",
            f"{field}level_id",
            f"Không có cấp «{kind.level_id}». Các cấp: {known}.",
            f"There is no level «{kind.level_id}». Levels: {known}.",
        )
    if levels.kind(kind.kind_id):
        raise _taken(f"{field}kind_id", kind.kind_id)
    same = next((k for k in levels.kinds if search_key(k.word_vi) == search_key(kind.word_vi)), None)
    if same is not None:
        raise errors.conflict(
            "word_taken",
            f"{field}word_vi",
            f"«{kind.word_vi}» đã là loại «{same.kind_id}».",
            f"«{kind.word_vi}» is the kind «{same.kind_id}» already.",
        )
    return Levels(levels.levels, [*levels.kinds, kind])


def _taken(field: str, given: str) -> errors.Problem:
    return errors.conflict("id_taken", field, f"Mã «{given}» đã được dùng.", f"The id «{given}» is taken.")


COMMUNE = UnitLevel("commune", 300, Level.COMMUNE, "cấp xã", "commune level")
STATE = Levels(
    [
        UnitLevel("province", 100, Level.PROVINCE, "cấp tỉnh", "province level"),
        UnitLevel("district", 200, Level.DISTRICT, "cấp huyện", "district level"),
        COMMUNE,
        UnitLevel("village", 400, Level.VILLAGE, "cấp thôn", "village level"),
    ],
    [
        UnitKind("province", "province", "Tỉnh", "province"),
        UnitKind("provincial_city", "district", "Thành phố", "city"),
        UnitKind("town", "district", "Thị xã", "town"),
        UnitKind("district", "district", "Huyện", "district"),
        UnitKind("commune", "commune", "Xã", "commune"),
        UnitKind("ward", "commune", "Phường", "ward"),
        UnitKind("township", "commune", "Thị trấn", "township"),
        UnitKind("special_zone", "commune", "Đặc khu", "special zone"),
        UnitKind("hamlet", "village", "Thôn", "hamlet"),
        UnitKind("village", "village", "Làng", "village"),
        UnitKind("ethnic_village", "village", "Bản", "ethnic village"),
        UnitKind("residential_group", "village", "Tổ dân phố", "residential group"),
        UnitKind("residential_area", "village", "Khu dân cư", "residential area"),
    ],
)
"""What every province has; its migration writes the same. A province adds its own."""
