"""Vietnamese text: what is equal for people, and the order of a Vietnamese dictionary, as ICU has it."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.vietnamese import PUNCTUATION, TONES, bare_key, fold, person_sort_key, search_key, sort_key

HERE = Path(__file__).parent
LETTERS = [unicodedata.normalize("NFC", v + t) for v in "aăâeêioôơuưy" for t in ("", *TONES)]
ALPHABET = f" {PUNCTUATION}0123456789aăâbƀcdđeêfghijklmnoôơpqrstuưvwxyz"
NAMES = st.text(st.sampled_from([*LETTERS, *(c.upper() for c in LETTERS), *ALPHABET]))


def in_icu_order() -> list[str]:
    """Names that were put in order by ICU; beside the file is how it was made."""
    lines = (HERE / "vietnamese_order.txt").read_text().splitlines()
    return [line for line in lines if not line.startswith("#")]


def test_names_sort_as_icu_sorts_them() -> None:
    expected = in_icu_order()
    shuffled = random.Random(7).sample(expected, len(expected))
    assert len(expected) > 1000
    assert sorted(shuffled) != expected, "a plain sort would do?"
    assert sorted(shuffled, key=sort_key) == expected


@pytest.mark.skipif(shutil.which("node") is None, reason="no node, whose ICU would answer; the table above still holds")
def test_any_text_sorts_as_the_icu_of_this_machine_sorts_it() -> None:
    rng = random.Random(11)
    letters = [*LETTERS, *(c.upper() for c in LETTERS), *ALPHABET, *"bcdđgh -"]
    texts = list({"".join(rng.choices(letters, k=rng.randrange(1, 9))) for _ in range(20_000)})
    few = list({"".join(rng.choices("aăâáàĂÂÁ đdĐD", k=rng.randrange(1, 6))) for _ in range(20_000)})
    for some in (texts, few):
        asked = ["node", str(HERE / "vietnamese_order.js")]
        done = subprocess.run(asked, input=json.dumps(some), capture_output=True, text=True, check=True, timeout=60)
        assert sorted(some, key=sort_key) == json.loads(done.stdout)


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ("Đức Phổ", "Em"), ("Dũng", "Đức"), ("Ân", "Ba"), ("An", "Ăn"), ("Ăn", "Ân"), ("Oanh", "Ôn"), ("Ôn", "Ơn"),
        ("ma", "mà"), ("mà", "mả"), ("mả", "mã"), ("mã", "má"), ("má", "mạ"), ("mạ", "mai"), ("an", "An"),
        ("An Phú", "Anh"), ("Mã An", "Mạ An"), ("A Bung", "Ái Nghĩa"),
    ],
)  # fmt: skip
def test_the_alphabet_goes_before_tones_and_tones_before_case(less: str, more: str) -> None:
    assert sort_key(less) < sort_key(more)


def test_people_sort_by_given_name_then_middle_then_surname() -> None:
    expected = [
        "Đỗ An", "Bùi Văn An", "BÙI VĂN AN", "Nguyễn Văn An", "Phan Án", "Lê Ánh", "Trần Thị Ân", "A Ban", "Ban A Bình",
        "Nguyễn Bình Đạt", "Đinh Đạt Đông",
    ]  # fmt: skip
    assert sorted(random.Random(3).sample(expected, len(expected)), key=person_sort_key) == expected


def test_a_name_of_one_word_is_a_given_name() -> None:
    assert person_sort_key("An") < person_sort_key("Bùi An") < person_sort_key("Anh")
    assert person_sort_key("") < person_sort_key("A")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Nghĩa Dũng", "nghia dung"), ("Hoà Đức", "Hòa  ĐỨC"), ("Lý Sơn", "Lí Sơn"), ("Kỳ", "kì"), ("Mỹ", "Mĩ"),
        ("Quý", "Quí"), ("Ya Xiêr", "Ia Xiêr"), ("TP. Quảng Ngãi", "tp quảng-ngãi"), ("H'Len", "Hlen"),
        ("K’Bang", "KBang"), (unicodedata.normalize("NFD", "Thủy Ổ Đặng"), "thuỷ ổ đặng"), ("Bƀơm", "bbom"),
        ("Số 12/QĐ-UBND", "so 12 qd ubnd"),
    ],
)  # fmt: skip
def test_what_people_hold_to_be_the_same_has_one_search_key(one: str, other: str) -> None:
    assert search_key(one) == search_key(other) != ""


@pytest.mark.parametrize(("one", "other"), [("Tây", "Tai"), ("Thúy", "Thúi"), ("Huy", "Hui"), ("Mây", "Mai")])
def test_y_after_a_vowel_is_no_i(one: str, other: str) -> None:
    assert search_key(one) != search_key(other)


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("Xã Nghĩa Dũng", "nghia dung"), ("Thị trấn Mộ Đức", "mo duc"), ("TP. Quảng Ngãi", "quang ngai"),
        ("Huyện Lý Sơn", "li son"), ("Đặc khu Lý Sơn", "li son"), ("tổ dân phố Liên Hiệp", "lien hiep"),
        ("Phường 1", "phuong 1"), ("Thôn 12", "thon 12"), ("Xã Phương Liễu", "phuong lieu"), ("Xã", "xa"),
        ("Xanh", "xanh"), ("", ""),
    ],
)  # fmt: skip
def test_the_kind_in_front_of_a_unit_s_name_may_be_left_out(name: str, bare: str) -> None:
    assert bare_key(search_key(name)) == bare


@given(st.text())
def test_a_search_key_is_plain_and_stays_as_it_is(text: str) -> None:
    key = search_key(text)
    assert set(key) <= set("abcdefghijklmnopqrstuvwxyz0123456789 ")
    assert key == " ".join(key.split())
    assert search_key(key) == key
    assert search_key(unicodedata.normalize("NFD", text)) == search_key(unicodedata.normalize("NFC", text))


@given(st.text())
def test_a_sort_key_does_not_mind_how_a_text_is_composed(text: str) -> None:
    assert sort_key(unicodedata.normalize("NFD", text)) == sort_key(unicodedata.normalize("NFC", text))


@given(NAMES, NAMES)
def test_only_equal_names_have_equal_sort_keys(one: str, other: str) -> None:
    assert (sort_key(one) == sort_key(other)) == (one == other)


@pytest.mark.parametrize(
    ("text", "folded"),
    [("Hoà  Đức", "hoa duc"), ("TP. Quảng Ngãi", "tp. quang ngai"), ("Lý/Lí", "ly/li"), ("  ÂU Cơ ", "au co"),
     ("Straße", "strasse")],
)  # fmt: skip
def test_folding_stays_as_it_is_because_citizens_references_are_made_of_it(text: str, folded: str) -> None:
    assert fold(text) == folded
