"""Vietnamese text as people type it: with or without marks, old and new tone placement, Đ and đ."""

from __future__ import annotations

import unicodedata


def fold(text: str) -> str:
    """For comparing and searching: no marks, đ as d, lower case, single spaces. «Hoà  Đức» and «hoa duc» are equal."""
    decomposed = unicodedata.normalize("NFD", text.replace("Đ", "D").replace("đ", "d"))
    plain = "".join(c for c in decomposed if unicodedata.category(c) != "Mn")
    return " ".join(plain.casefold().split())
