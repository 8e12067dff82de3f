"""When two names in lists are the same name: the letters count, how the tone mark is placed does not."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_TONES = "\u0300\u0301\u0303\u0309\u0323"
_NOT_DIGIT = re.compile(r"\D")


@lru_cache(maxsize=65_536)
def spelling(text: str) -> str:
    """Equal for «Hoà Bình» and «Hòa bình», composed or not; different for «An» and «Ân»."""
    return " ".join(_tone_last(word) for word in unicodedata.normalize("NFD", text).casefold().split())


def _tone_last(word: str) -> str:
    return "".join(c for c in word if c not in _TONES) + "".join(c for c in word if c in _TONES)


def number(phone: str | None) -> str:
    """A phone by its digits, however it is written: «+84 90 123 4567» and «090.123.4567» are equal."""
    if not phone:
        return ""
    digits = _NOT_DIGIT.sub("", phone)
    return f"0{digits[2:]}" if digits.startswith("84") and len(digits) >= 11 else digits
