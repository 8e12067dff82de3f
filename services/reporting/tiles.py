"""Where each unit stands on the tile map: equal tiles at rough geographic places, so that small Lý Sơn is seen as well.

A cell is (column, row), both from 0; columns grow to the east, rows to the south.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Set
from itertools import count
from types import MappingProxyType

Cell = tuple[int, int]

COLUMNS = 5

TILES: Mapping[str, Cell] = MappingProxyType(
    {
        "524": (2, 0),  # Bình Sơn, the north coast
        "536": (4, 0),  # Lý Sơn, the island
        "525": (1, 1),  # Trà Bồng
        "527": (2, 1),  # Sơn Tịnh
        "522": (3, 1),  # Quảng Ngãi, the city
        "530": (0, 2),  # Sơn Tây
        "529": (1, 2),  # Sơn Hà
        "528": (2, 2),  # Tư Nghĩa
        "531": (1, 3),  # Minh Long
        "532": (2, 3),  # Nghĩa Hành
        "533": (3, 3),  # Mộ Đức
        "535": (2, 4),  # Ba Tơ
        "534": (3, 4),  # Đức Phổ, the south coast
    }
)
"""The 13 districts of the 2023 edition, by unit id."""

KIND_PREFIXES = ("Tỉnh", "Thành phố", "Thị xã", "Thị trấn", "Đặc khu", "Huyện", "Quận", "Phường", "Xã")


def place(unit_ids: Iterable[str]) -> dict[str, Cell]:
    """Give every unit a cell of its own, in the order asked for.

    A unit with a tile of its own gets it; any other (a commune, a unit of a later edition) gets a free cell in the rows
    below, filled from the west, so that the map never loses a unit. The same ids in the same order give the same cells.
    """
    wanted = dict.fromkeys(unit_ids)
    unknown = [unit_id for unit_id in wanted if unit_id not in TILES]
    free = _cells_below({TILES[unit_id] for unit_id in wanted if unit_id in TILES}, len(unknown))
    return {unit_id: TILES[unit_id] if unit_id in TILES else next(free) for unit_id in wanted}


def _cells_below(taken: Set[Cell], needed: int) -> Iterator[Cell]:
    """Cells row by row under the taken ones; a large set gets a wider, nearly square block."""
    width = max(COLUMNS, math.ceil(math.sqrt(needed)))
    top = 1 + max((row for _, row in taken), default=-1)
    return ((number % width, top + number // width) for number in count())


def short_name(name: str) -> str:
    """A unit's name without its kind: "Thị xã Đức Phổ" is "Đức Phổ". "Phường 1" stays: a number alone names nothing."""
    for prefix in KIND_PREFIXES:
        rest = name.removeprefix(f"{prefix} ")
        if rest != name:
            return name if rest[:1].isdigit() else rest
    return name
