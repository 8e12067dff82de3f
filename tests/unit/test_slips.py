"""Slips: which words a mistyped one may mean, and what is looked for then."""

from __future__ import annotations

import random

import pytest

from services.registry.slips import (
    LEFT_OUT,
    Part,
    Reading,
    Tier,
    corrected,
    distance,
    keys,
    reach,
    reading,
    shortened,
    typed_words,
)

VOCABULARY = ["nguyen", "nguyet", "van", "vang", "thi", "thu", "hoa", "hao", "hang", "nghe", "cong", "so"]


@pytest.mark.parametrize(
    ("one", "other", "slips"),
    [
        ("hoa", "hoa", 0), ("hoaa", "hoa", 1), ("ha", "hoa", 1), ("hia", "hoa", 1), ("hao", "hoa", 1),
        ("aho", "hoa", 2), ("ngyuenn", "nguyen", 2), ("vna", "van", 1), ("ca", "abc", None), ("nghiem", "nguyen", None),
    ],
)  # fmt: skip
def test_slips_are_counted(one: str, other: str, slips: int | None) -> None:
    assert distance(one, other, 2) == distance(other, one, 2) == slips


def test_two_slips_are_not_looked_for_where_one_is_forgiven() -> None:
    assert distance("ngyuenn", "nguyen", 1) is None


@pytest.mark.parametrize(("word", "slips"), [("n", 0), ("an", 1), ("thij", 1), ("vann", 1), ("nghee", 2), ("t12", 0)])
def test_longer_words_forgive_more_and_numbers_nothing(word: str, slips: int) -> None:
    assert reach(word) == slips


@pytest.mark.parametrize("slips", [1, 2])
def test_words_so_many_slips_apart_have_a_key_in_common(slips: int) -> None:
    rng = random.Random(5)
    for _ in range(3000):
        word = "".join(rng.choices("abnghi", k=rng.randrange(3, 15)))
        other = word
        for _ in range(slips):
            other = _slip(rng, other)
        assert keys(word, 2) & keys(other, slips), (word, other)


def _slip(rng: random.Random, word: str) -> str:
    n = rng.randrange(len(word))
    return rng.choice(
        [
            word[:n] + word[n + 1 :],
            word[:n] + rng.choice("xyz") + word[n:],
            word[:n] + rng.choice("xyz") + word[n + 1 :],
            word[:n] + word[n : n + 2][::-1] + word[n + 2 :],
        ]
    )


def test_a_known_word_may_be_meant_otherwise_but_only_by_one_slip() -> None:
    assert reading("hoa", True, VOCABULARY) == Reading("hoa", True, ["hao"], 1)
    assert reading("nguyen", True, ["nguyen", "nguet"]).near == []


def test_two_slips_count_only_where_nothing_is_nearer() -> None:
    assert reading("nguyenn", False, VOCABULARY) == Reading("nguyenn", False, ["nguyen"], 1)
    assert reading("ngyuenn", False, VOCABULARY) == Reading("ngyuenn", False, ["nguyen"], 2)
    assert reading("zzzzz", False, VOCABULARY).near == []


def test_fewer_slips_come_first() -> None:
    tiers = corrected([Reading("thi", True, ["thu"], 1), Reading("hao", True, ["hoa"], 1)])
    assert [tier.cost for tier in tiers] == [1, 2]
    thi, hoa = Part("thi"), Part(None, ["hoa"])
    assert [thi, hoa] in tiers[0].ways
    assert tiers[1].ways == [[Part(None, ["thu"]), hoa]]


def test_what_is_typed_without_a_slip_is_no_correction() -> None:
    assert corrected([Reading("thi", True, [], 1)]) == []


def test_words_without_any_meaning_are_left_out_but_never_more_than_half_of_the_letters() -> None:
    known, unknown = Reading("thij", False, ["thi"], 1), Reading("zzzz", False, [], 1)
    assert corrected([known, unknown]) == []
    assert shortened([known, unknown]) == [Tier(LEFT_OUT + 1, [[Part(None, ["thi"])]])]
    assert shortened([unknown]) == shortened([known]) == []
    assert shortened([known, unknown, unknown]) == []


def test_the_fewer_words_are_left_out_the_better() -> None:
    readings = [Reading(word, True, [], 1) for word in ("nguyen", "duc", "an")]
    nguyen, duc, an = (Part(reading.word) for reading in readings)
    assert shortened(readings) == [
        Tier(LEFT_OUT + 1, [[nguyen, duc], [nguyen, an]]),
        Tier(LEFT_OUT + 2, [[nguyen]]),
    ]


def test_the_longest_words_of_a_long_text_are_corrected() -> None:
    assert typed_words(" to cong nghe so cong dong duc nhuan") == ["cong", "nghe", "dong", "duc", "nhuan"]
