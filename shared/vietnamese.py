"""Vietnamese text as people type it and as it is sorted: with or without marks, old and new spelling, Đ and đ.

`search_key` and `sort_key` exist in registry's database too (`search_key`, `sort_key`, `person_sort_key` in its
migrations), so that no writer can forget them; a test holds both to the same answers.
"""

from __future__ import annotations

import re
import unicodedata

PUNCTUATION = "_-‐–—,;:!?.·'\"«»()[]{}@*/\\&#%•`^°+×<=>|~−$"
"""Marks in the order of ICU, all before the digits."""
SAME = {"\u00a0": " ", "\u2011": "‐", "‘": "'", "’": "'", "“": '"', "”": '"'}
"""Characters that sort as another one, and behind it where nothing else tells two names apart."""
TONES = "\u0300\u0309\u0303\u0301\u0323"
"""Huyền, hỏi, ngã, sắc, nặng, as they sort; a letter without comes first."""
LETTER_MARKS = "\u0306\u0302\u031b"
"""What makes another letter: ă before â, ô before ơ. Đ counts as a D with such a mark."""

_IGNORED = re.compile("[\u0001-\u001f\u007f\u00ad\u200b-\u200f\u2060\ufeff]")
_SPACES = re.compile("[\t-\r \u00a0]+")
_MARKS = re.compile("[\u0300-\u036f]")
_APOSTROPHES = re.compile("['’‘ʼ`]")
_NOT_KEY = re.compile("[^a-z0-9]+")
_Y_AS_I = re.compile("(^|[^aeiouy])y")
_STRUCK = str.maketrans("ĐđɃƀ", "DdBb")
_STRUCK_OUT = re.compile("[ĐđɃƀ]")
_NOT_LETTER_MARKS = re.compile("[\u0300\u0301\u0303-\u0305\u0307-\u031a\u031c-\u036f]")
_CAPITALS = re.compile("[A-Z]")
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
    return _Y_AS_I.sub(r"\1i", words).replace("quy", "qui").strip()


def bare_key(key: str) -> str:
    """A unit's search key without its kind in front: «nghia dung» of «xa nghia dung».

    «Phường 1» stays as it is: without the kind it would be no name.
    """
    return _KIND.sub("", key, count=1)


def sort_key(text: str) -> bytes:
    """Byte strings in the order of Vietnamese dictionaries, equal to ICU's `vi`: letters, then tones, then case."""
    seen = _decomposed(text)
    return "\0".join((_letters(seen), _tones(seen), _case(seen))).encode()


def person_sort_key(full_name: str) -> bytes:
    """The order of lists of people: by given name, which is the last word, then by middle names, then by surname."""
    words = _decomposed(_SPACES.sub(" ", full_name)).split()
    given, others = "".join(words[-1:]), " ".join(words[1:-1]) + "\1" + "".join(words[:-1][:1])
    levels = (_letters(given), _tones(given), _letters(others), _tones(others), _case(f"{given}\1{others}"))
    return "\0".join(levels).encode()


def _decomposed(text: str) -> str:
    """What can be seen of a text: letters with their marks behind them, Đ and Ƀ too."""
    return _STRUCK_OUT.sub("\\g<0>\u0302", unicodedata.normalize("NFD", _IGNORED.sub("", text))).translate(_STRUCK)


def _letters(seen: str) -> str:
    """The first level: a mark that makes another letter weighs more than any letter that could follow."""
    return _NOT_LETTER_MARKS.sub("", seen).translate(_FIRST)


def _tones(seen: str) -> str:
    """The second: where the letters are equal, a tone weighs more than the next letter."""
    return seen.translate(_SECOND)


def _case(seen: str) -> str:
    """The third: where the tones are equal too, a capital weighs more than the small letter."""
    return _CAPITALS.sub("~", _MARKS.sub("", seen))


_FIRST: dict[int, str | int] = {
    **_LOWER,
    **{ord(c): chr(3 + n) for n, c in enumerate(PUNCTUATION)},
    **str.maketrans(LETTER_MARKS, "{|}"),
    ord(" "): "\2",
}
_FIRST |= {ord(c): _FIRST[ord(other)] for c, other in SAME.items()}
_SECOND: dict[int, str | int] = {**_LOWER, **str.maketrans(TONES, "\uf8f1\uf8f2\uf8f3\uf8f4\uf8f5")}
