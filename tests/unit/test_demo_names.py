"""Demonstration people: plausible, the same for the same seed, and reachable by nobody."""

import csv
import random
import re
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from phongtrao import demo_names
from phongtrao.demo_names import person_name, phone, phone_number, village_name, village_names

UNITS_FILE = Path(__file__).parents[2] / "services" / "registry" / "data" / "2023" / "units.csv"
PARTS = (
    demo_names.SURNAMES,
    demo_names.MOUNTAIN_SURNAMES,
    demo_names.MEN_MIDDLE,
    demo_names.MEN_GIVEN,
    demo_names.WOMEN_MIDDLE,
    demo_names.WOMEN_GIVEN,
)


def names(seed: int, count: int, *, mountain: bool = False) -> list[str]:
    rng = random.Random(seed)
    return [person_name(rng, mountain=mountain) for _ in range(count)]


def test_the_same_seed_gives_the_same_people() -> None:
    def people(seed: int) -> list[tuple[str, str, str]]:
        rng = random.Random(seed)
        return [(person_name(rng), phone(rng), village_name(rng, "commune")) for _ in range(50)]

    assert people(2023) == people(2023)
    assert people(2023) != people(2024)


def test_a_seed_gives_these_people_on_any_machine() -> None:
    assert names(28072023, 3) == ["Đinh Thị Ngọc Linh", "Từ Thị Linh", "Hà Kim Hồng"]


def test_people_do_not_depend_on_the_global_generator() -> None:
    random.seed(1)
    first = names(7, 5)
    random.seed(2)
    assert names(7, 5) == first


@pytest.mark.parametrize("mountain", [False, True])
def test_names_are_family_then_middle_then_given(mountain: bool) -> None:
    families = demo_names.MOUNTAIN_SURNAMES if mountain else demo_names.SURNAMES
    for name in names(1, 2_000, mountain=mountain):
        family, *middle, given = name.split()
        assert family in families, name
        man = " ".join(middle) in demo_names.MEN_MIDDLE and given in demo_names.MEN_GIVEN
        woman = " ".join(middle) in demo_names.WOMEN_MIDDLE and given in demo_names.WOMEN_GIVEN
        assert man or woman, name


def test_no_word_occurs_twice_in_a_name() -> None:
    assert [name for name in names(3, 5_000) if len(set(name.split())) != len(name.split())] == []


def test_common_surnames_are_common_and_there_is_variety() -> None:
    people = names(4, 5_000)
    families = Counter(name.split()[0] for name in people)
    assert families.most_common(1)[0][0] == "Nguyễn"
    assert families.keys() == demo_names.SURNAMES.keys()
    assert len(set(people)) > 3_000


def test_mountain_people_are_mostly_dinh_pham_and_ho() -> None:
    families = Counter(name.split()[0] for name in names(5, 2_000, mountain=True))
    assert {family for family, _ in families.most_common(3)} == {"Đinh", "Phạm", "Hồ"}


def test_the_mountain_districts_are_the_five_of_the_province() -> None:
    with UNITS_FILE.open(encoding="utf-8", newline="") as file:
        found = {row["name"] for row in csv.DictReader(file) if row["unit_id"] in demo_names.MOUNTAIN_DISTRICTS}
    assert found == {"Huyện Trà Bồng", "Huyện Sơn Hà", "Huyện Sơn Tây", "Huyện Minh Long", "Huyện Ba Tơ"}


def test_the_parts_are_clean_text() -> None:
    for part in (part for parts in PARTS for part in parts):
        assert unicodedata.is_normalized("NFC", part), part
        assert re.fullmatch(r"[^\W\d_]+( [^\W\d_]+)*", part), part
        assert part.istitle(), part


def test_phones_are_ten_digits_that_no_network_uses() -> None:
    rng = random.Random(6)
    for number in (phone(rng) for _ in range(1_000)):
        assert re.fullmatch(r"010\d{7}", number), number


def test_phone_numbers_differ_by_serial_up_to_the_last() -> None:
    assert len({phone_number(serial) for serial in range(20_000)}) == 20_000
    assert phone_number(0) == "0100000000"
    assert phone_number(9_999_999) == "0109999999"


@pytest.mark.parametrize("serial", [-1, 10_000_000])
def test_a_serial_outside_the_range_is_refused(serial: int) -> None:
    with pytest.raises(ValueError, match="serial must be"):
        phone_number(serial)


def test_villages_are_blocks_in_towns_and_thon_elsewhere() -> None:
    assert village_names("commune", 3) == ["Thôn 1", "Thôn 2", "Thôn 3"]
    assert village_names("ward", 2) == ["Tổ dân phố 1", "Tổ dân phố 2"]
    assert village_names("township", 1) == ["Tổ dân phố 1"]
    assert village_names("commune", 0) == []


def test_a_village_is_one_of_those_asked_for() -> None:
    rng = random.Random(8)
    assert {village_name(rng, "ward", among=3) for _ in range(100)} == set(village_names("ward", 3))
