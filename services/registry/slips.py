"""Rules of slips: which words somebody may have meant who typed another one, and how far that is. Pure.

A slip is a letter too many, one too few, another one, or two neighbours swapped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, product
from typing import NamedTuple

LONGEST = 12
"""Letters of a word that its keys are made of."""
MOST_WORDS = 5
"""So many words of what was typed are corrected, the longest ones."""
MOST_NEAR = 12
"""So many corrections of a word are looked for."""
LEFT_OUT = 20
"""The cost of a word that is left out: more than all slips together."""


class Reading(NamedTuple):
    """How a typed word may be meant."""

    word: str
    begins: bool
    """A word of some name begins so."""
    near: Sequence[str]
    """Whole words that it may have been meant to be."""
    cost: int
    """Slips between it and each of these."""


class Part(NamedTuple):
    """A condition on a name: a word of it begins so, or one of it is among these."""

    begins: str | None
    among: Sequence[str] = ()


class Tier(NamedTuple):
    """Names that are equally alike: those of which all parts of some way hold."""

    cost: int
    ways: Sequence[Sequence[Part]]


def typed_words(words: str) -> list[str]:
    """The words that are corrected, in the order in which they were typed."""
    every = list(dict.fromkeys(words.split()))
    longest = sorted(every, key=len, reverse=True)[:MOST_WORDS]
    return [word for word in every if word in longest]


def reach(word: str) -> int:
    """So many slips are forgiven. A number is meant as it is typed."""
    if len(word) < 2 or any(c.isdigit() for c in word):
        return 0
    return 1 if len(word) < 5 else 2


def keys(word: str, most: int) -> set[str]:
    """What is left of a word when at most so many letters are left out; never nothing."""
    found = {word[:LONGEST]}
    for _ in range(most):
        found |= {w[:n] + w[n + 1 :] for w in found for n in range(len(w))}
    return found - {""}


def reading(word: str, begins: bool, vocabulary: Iterable[str]) -> Reading:
    """How a typed word may be meant, given words that may be near: the nearest ones, and two slips only where nothing
    is nearer."""
    most = reach(word)
    far = [(d, other) for other in vocabulary if (d := distance(word, other, most)) is not None and d > 0]
    nearest = 1 if begins else min((d for d, _ in far), default=1)
    near = sorted(other for d, other in far if d == nearest)
    return Reading(word, begins, near[:MOST_NEAR], nearest)


def distance(one: str, other: str, most: int) -> int | None:
    """Slips between two words; None where they are more than `most`. (Damerau and Levenshtein, no letter touched
    twice.)"""
    if abs(len(one) - len(other)) > most:
        return None
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, its in enumerate(other, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != its))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == its:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1] if last[-1] <= most else None


def corrected(readings: Sequence[Reading]) -> list[Tier]:
    """Names in which each word is found, by the number of slips; none are in the first tier if nothing is to correct.
    The best tier first."""
    tiers: dict[int, list[list[Part]]] = {}
    for choice in product(*(list(_options(reading)) for reading in readings)):
        cost = sum(each for each, _ in choice)
        tiers.setdefault(cost, []).append([part for _, part in choice])
    return [Tier(cost, tiers[cost]) for cost in sorted(tiers) if cost > 0]


def shortened(readings: Sequence[Reading]) -> list[Tier]:
    """Names in which some words are not found, at most half of the letters; the fewer words, the better. A known word
    is meant as it is typed."""
    known = [r for r in readings if r.begins or r.near]
    half = sum(len(r.word) for r in readings) / 2
    tiers = []
    for kept in range(len(readings) - 1, 0, -1):
        ways = [some for some in combinations(known, kept) if sum(len(r.word) for r in some) >= half]
        if ways:
            parts = [[Part(r.word) if r.begins else Part(None, r.near) for r in way] for way in ways]
            tiers.append(Tier(LEFT_OUT + len(readings) - kept, parts))
    return tiers


def _options(reading: Reading) -> Iterator[tuple[int, Part]]:
    if reading.begins:
        yield 0, Part(reading.word)
    if reading.near:
        yield reading.cost, Part(None, reading.near)
