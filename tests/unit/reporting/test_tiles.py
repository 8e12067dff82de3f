"""The tile map shows every unit once, roughly where it lies."""

import csv
from pathlib import Path

import pytest

from services.reporting.tiles import COLUMNS, TILES, place, short_name

UNITS_FILE = Path(__file__).parents[3] / "services" / "registry" / "data" / "2023" / "units.csv"


def units_of(level: str) -> dict[str, str]:
    with UNITS_FILE.open(encoding="utf-8", newline="") as file:
        return {row["unit_id"]: row["name"] for row in csv.DictReader(file) if row["level"] == level}


def ids_by_short_name() -> dict[str, str]:
    return {short_name(name): unit_id for unit_id, name in units_of("district").items()}


def test_all_13_districts_have_a_tile_and_nothing_else_has() -> None:
    assert TILES.keys() == units_of("district").keys()


def test_no_two_tiles_share_a_cell() -> None:
    assert len(set(TILES.values())) == len(TILES)


def test_tiles_fit_the_grid() -> None:
    assert all(0 <= column < COLUMNS and row >= 0 for column, row in TILES.values())


@pytest.mark.parametrize(
    ("west", "east"),
    [
        ("Sơn Tây", "Sơn Hà"),
        ("Sơn Hà", "Tư Nghĩa"),
        ("Trà Bồng", "Bình Sơn"),
        ("Sơn Tịnh", "Quảng Ngãi"),
        ("Minh Long", "Nghĩa Hành"),
        ("Nghĩa Hành", "Mộ Đức"),
        ("Ba Tơ", "Đức Phổ"),
        ("Đức Phổ", "Lý Sơn"),
    ],
)
def test_the_western_one_stands_to_the_left(west: str, east: str) -> None:
    ids = ids_by_short_name()
    assert TILES[ids[west]][0] < TILES[ids[east]][0]


@pytest.mark.parametrize(
    ("north", "south"),
    [
        ("Lý Sơn", "Quảng Ngãi"),
        ("Bình Sơn", "Sơn Tịnh"),
        ("Quảng Ngãi", "Mộ Đức"),
        ("Sơn Tịnh", "Tư Nghĩa"),
        ("Tư Nghĩa", "Nghĩa Hành"),
        ("Trà Bồng", "Sơn Hà"),
        ("Sơn Hà", "Minh Long"),
        ("Mộ Đức", "Đức Phổ"),
        ("Minh Long", "Ba Tơ"),
    ],
)
def test_the_northern_one_stands_above(north: str, south: str) -> None:
    ids = ids_by_short_name()
    assert TILES[ids[north]][1] < TILES[ids[south]][1]


def test_known_units_keep_their_tiles_when_others_join() -> None:
    placed = place(["new-1", *TILES, "new-2"])
    assert {unit_id: placed[unit_id] for unit_id in TILES} == TILES


def test_unknown_units_get_free_cells_below_the_known_ones() -> None:
    placed = place([*TILES, "new-1", "new-2"])
    assert len(set(placed.values())) == len(TILES) + 2
    lowest = max(row for _, row in TILES.values())
    assert (placed["new-1"], placed["new-2"]) == ((0, lowest + 1), (1, lowest + 1))


def test_all_173_communes_find_room_in_a_nearly_square_grid() -> None:
    communes = units_of("commune")
    placed = place(communes)
    assert placed.keys() == communes.keys()
    assert len(set(placed.values())) == 173
    assert max(column for column, _ in placed.values()) == 13
    assert max(row for _, row in placed.values()) == 12


def test_a_unit_asked_for_twice_is_placed_once() -> None:
    assert place(["new", "522", "new", "522"]) == {"new": (0, 2), "522": (3, 1)}


def test_nothing_asked_for_places_nothing() -> None:
    assert place([]) == {}


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("Tỉnh Quảng Ngãi", "Quảng Ngãi"),
        ("Thành phố Quảng Ngãi", "Quảng Ngãi"),
        ("Thị xã Đức Phổ", "Đức Phổ"),
        ("Huyện Lý Sơn", "Lý Sơn"),
        ("Đặc khu Lý Sơn", "Lý Sơn"),
        ("Thị trấn Mộ Đức", "Mộ Đức"),
        ("Phường Nghĩa Chánh", "Nghĩa Chánh"),
        ("Xã Đức Nhuận", "Đức Nhuận"),
        ("Phường 1", "Phường 1"),
        ("Sở Y tế", "Sở Y tế"),
        ("Xã", "Xã"),
    ],
)
def test_short_name_drops_the_kind(name: str, short: str) -> None:
    assert short_name(name) == short


def test_no_short_name_of_a_unit_still_begins_with_a_kind() -> None:
    for name in [*units_of("district").values(), *units_of("commune").values()]:
        assert short_name(name) != name
        assert short_name(short_name(name)) == short_name(name)
