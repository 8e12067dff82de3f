"""Rules of the search: what is looked for, what ranks before what, where a page ends. Pure.

Within a rank units come first, then organisations, teams, people; each of them as Vietnamese sorts.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import Literal, NamedTuple

from shared import errors
from shared.errors import Problem
from shared.vietnamese import bare_key, search_key

EXACT, PREFIX, WORDS = 0, 1, 2
"""The whole name; its beginning; every word that was typed begins a word of it. Where no name fits so, those that are
only alike: 3 for the very like (0.9 and more of 1), 4 from 0.8 on, and so on; of teams and people, 2 and the slips in
what was typed, and behind all others those in which some words are not found."""
LEAST_ALIKE = 0.5
"""Names that have less in common are not found. Of 1; what Postgres calls the word similarity of trigrams."""
AFTER_ALL = b"\xff"
"""Higher than any sort key: they are UTF-8."""

Match = Literal["exact", "prefix", "words", "alike"]


class Kind(StrEnum):
    """What can be found, in the order of the answer."""

    UNIT = "unit"
    ORGANISATION = "organisation"
    TEAM = "team"
    MEMBER = "member"


ORDER = {kind: n for n, kind in enumerate(Kind)}


class Query(NamedTuple):
    """What somebody looks for, as keys; each word has a space before it."""

    words: str
    bare: str
    """The same without a unit's kind in front: «xã Nghĩa Dũng» is «nghia dung»."""

    @property
    def patterns(self) -> list[str]:
        """One for each word that was typed, for `like`: some word of the name begins so."""
        return [f"% {word}%" for word in dict.fromkeys(self.words.split())]

    @property
    def bare_patterns(self) -> list[str]:
        """The same without the kind."""
        return [f"% {word}%" for word in dict.fromkeys(self.bare.split())]


class Found(NamedTuple):
    """A hit: how well it fits and where it stands in the answer."""

    rank: int
    kind: Kind
    sort_key: bytes
    id: str
    stamp: str
    """Another one where the hit would stand elsewhere by now; says nothing about a name."""
    name: str | None = None
    """As it is on the day; None for people, whose names come out of the vault only."""
    formerly: str | None = None
    """The past name that was found, of the unit itself or of one that went into it."""
    formerly_id: str | None = None
    """Of a unit: who bore that name."""
    until: date | None = None
    """The first day on which it bore that name no longer."""

    @property
    def place(self) -> tuple[int, int, bytes, str]:
        """Lower comes first."""
        return (self.rank, ORDER[self.kind], self.sort_key, self.id)

    @property
    def match(self) -> Match:
        """How the name fits, in a word."""
        fits: dict[int, Match] = {EXACT: "exact", PREFIX: "prefix", WORDS: "words"}
        return fits.get(self.rank, "alike")

    @property
    def last_day(self) -> date | None:
        """The last day of the past name."""
        return self.until and self.until - timedelta(days=1)

    @property
    def cursor(self) -> str:
        """Where the next page goes on; no name is in it, as addresses end up in histories and logs."""
        return f"{self.kind}-{self.stamp}-{self.id}"


class Floor(NamedTuple):
    """Where a kind goes on: only what stands behind this."""

    rank: int
    sort_key: bytes
    id: str


def query(text: str) -> Query | None:
    """The keys of what was typed; None where there is no letter and no digit in it."""
    key = search_key(text)
    return Query(f" {key}", f" {bare_key(key)}") if key else None


def nothing_to_look_for() -> Problem:
    """422: the text has neither a letter nor a digit."""
    return errors.invalid(
        "nothing_to_look_for",
        "q",
        "Hãy gõ ít nhất một chữ cái hoặc chữ số của tên cần tìm.",
        "Type at least one letter or digit of the name that you look for.",
    )


def stale_page() -> Problem:
    """409: what the page before ended with is not there any more, or stands elsewhere."""
    return errors.conflict(
        "list_changed",
        "after",
        "Danh sách vừa thay đổi ở đúng chỗ này. Hãy xem lại từ trang đầu.",
        "The list has just changed at this very place. Start again from the first page.",
    )


def stamp(sort_key: bytes) -> str:
    """The stamp of a public name."""
    return f"{zlib.crc32(sort_key):08x}"


def parse_cursor(cursor: str) -> tuple[Kind, str, str]:
    """Kind, stamp and id of a cursor."""
    kind, found, its_id = cursor.split("-", 2)
    return Kind(kind), found, its_id


def floor(kind: Kind, last: Found | None) -> Floor:
    """Where a kind goes on behind the last hit of the page before; None: at the first page."""
    if last is None:
        return Floor(EXACT, b"", "")
    if ORDER[kind] < ORDER[last.kind]:
        return Floor(last.rank, AFTER_ALL, "")
    if ORDER[kind] > ORDER[last.kind]:
        return Floor(last.rank, b"", "")
    return Floor(last.rank, last.sort_key, last.id)


def page(found: Iterable[Sequence[Found]], limit: int) -> tuple[list[Found], str | None]:
    """The best of all kinds, and the cursor of the next page; of each kind one more than `limit` must be there."""
    best = sorted((hit for hits in found for hit in hits), key=lambda hit: hit.place)
    shown = best[:limit]
    return shown, shown[-1].cursor if len(best) > limit else None
