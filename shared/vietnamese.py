"""Vietnamese text as people type it and as it is sorted: with or without marks, old and new spelling, Đ and đ.

`search_key` and `sort_key` exist in registry's database too (`search_key`, `sort_key`, `person_sort_key` in its
migrations), so that no writer can forget them; a test holds both to the same answers.
"""

from __future__ import annotations

import re
import unicodedata

ALPHABET = (
    " _-‐–—,;:!?.·'\"«»()[]{}@*/\\&#%•`^°+×<=>|~−$"  # marks as ICU orders them
    "0123456789aăâbƀcdđeêfghijklmnoôơpqrstuưvwxyz"
)
"""Everything that has a place of its own in the order, in that order."""
SAME = {"\u00a0": " ", "\u2011": "‐", "‘": "'", "’": "'", "“": '"', "”": '"'}
"""Characters that sort as another one."""
TONES = "\u0300\u0309\u0303\u0301\u0323"
"""Huyền, hỏi, ngã, sắc, nặng, as they sort; a letter without comes first."""
VOWELS = "aăâeêioôơuưy"

_IGNORED = re.compile("[\u0001-\u001f\u007f\u00ad\u200b-\u200f\u2060\ufeff]")
_SPACES = re.compile("[\t-\r \u00a0]+")
_MARKS = re.compile("[\u0300-\u036f]")
_APOSTROPHES = re.compile("['’‘ʼ`]")
_NOT_KEY = re.compile("[^a-z0-9]+")
_Y_AS_I = re.compile("(?<![aeou])y|(?<=qu)y")
_STRUCK = str.maketrans("ĐđɃƀ", "DdBb")
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")

KINDS = (
    "khu dan cu", "to dan pho", "thanh pho", "thi tran", "dac khu", "khu pho", "thi xa", "phuong", "huyen", "buon",
    "khoi", "lang", "quan", "thon", "tinh", "tdp", "kdc", "ban", "ap", "tp", "tt", "tx", "dk", "xa", "h", "p", "q", "x",
)  # fmt: skip
"""Kinds of units and their abbreviations, as `search_key` writes them."""
_KIND = re.compile(f"^({'|'.join(KINDS)}) (?=[a-z])")


def fold(text: str) -> str:
    """For comparing and searching: no marks, đ as d, lower case, single spaces. «Hoà  Đức» and «hoa duc» are equal."""
    decomposed = unicodedata.normalize("NFD", text.replace("Đ", "D").replace("đ", "d"))
    plain = "".join(c for c in decomposed if unicodedata.category(c) != "Mn")
    return " ".join(plain.casefold().split())


def search_key(text: str) -> str:
    """Equal for what people hold to be the same name: a-z, 0-9 and single spaces.

    No marks, đ as d, no case, y as i where both are written (Lý and Lí, Quy and Qui, but not Tây and Tai), punctuation
    as a space, apostrophes as nothing (H'Len and Hlen).
    """
    plain = _MARKS.sub("", unicodedata.normalize("NFD", text.translate(_STRUCK)))
    words = _NOT_KEY.sub(" ", _APOSTROPHES.sub("", plain).translate(_LOWER))
    return _Y_AS_I.sub("i", words).strip()


def bare_key(key: str) -> str:
    """A unit's search key without its kind in front: «nghia dung» of «xa nghia dung».

    «Phường 1» stays as it is: without the kind it would be no name.
    """
    return _KIND.sub("", key, count=1)


def sort_key(text: str) -> bytes:
    """Byte strings in the order of Vietnamese dictionaries, equal to ICU's `vi`: letters, then tones, then case."""
    return b"\0".join(_levels(_composed(text)))


def person_sort_key(full_name: str) -> bytes:
    """The order of lists of people: by given name, which is the last word, then by middle names, then by surname."""
    words = [word for word in _composed(_SPACES.sub(" ", full_name)).split(" ") if word]
    parts = [_levels(" ".join(part)) for part in (words[-1:], words[1:-1], words[:-1][:1])]
    names = [level for primary, tones, _ in parts for level in (primary, tones)]
    return b"\0".join((*names, *(case for _, _, case in parts)))


def _composed(text: str) -> str:
    """What can be seen of a text, composed."""
    return unicodedata.normalize("NFC", _IGNORED.sub("", text))


def _levels(composed: str) -> tuple[bytes, bytes, bytes]:
    """What is compared first, second and third. Ends are lower than any weight, so the lowest ones at an end go."""
    plain = _MARKS.sub("", unicodedata.normalize("NFD", composed.translate(TONELESS)))
    tones = _NOT_TONE.sub("\7", composed.translate(TONE)).rstrip("\1")
    case = _NOT_UPPER.sub("\1", composed.translate(UPPER)).rstrip("\1")
    return plain.translate(PRIMARY).encode(), tones.encode(), case.encode()


def _private(letter: str) -> str:
    """What stands for ă, â, ê, ô, ơ, ư while other marks are taken off, in either case."""
    return chr(0xE000 + ALPHABET.index(letter)) if letter in "ăâêôơư" else letter


def _tables() -> tuple[dict[int, str], dict[int, str], dict[int, str], dict[int, str]]:
    toneless, tone, upper = dict[int, str](), dict[int, str](), dict[int, str]()
    for plain in ALPHABET:
        for weight, mark in enumerate(("", *TONES) if plain in VOWELS else ("",), 1):
            letter = unicodedata.normalize("NFC", plain + mark)
            for c in {letter, letter.upper()}:
                tone[ord(c)] = chr(weight)
                if _private(plain) != c:
                    toneless[ord(c)] = _private(plain)
            if letter != letter.upper():
                upper[ord(letter.upper())] = "\2"
    ranks = {c: chr(0x21 + n) for n, c in enumerate(ALPHABET)}
    primary = {ord(p): rank for c, rank in ranks.items() for p in {c, c.upper(), _private(c)}}
    primary |= {ord(c): ranks[other] for c, other in SAME.items()}
    return toneless, tone, upper, primary


TONELESS, TONE, UPPER, PRIMARY = _tables()
"""What the levels are made with, each a table for `str.translate`."""
_NOT_TONE = re.compile("[^\1-\6]")
_NOT_UPPER = re.compile("[^\2]")
