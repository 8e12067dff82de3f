"""The numbers of the province's page as somebody reads them: tiles, rows of the table, what is besides, the total."""

from __future__ import annotations

import re
from html import unescape
from typing import NamedTuple

COLUMNS = ("members_met", "members", "members_started", "teams_met", "teams", "citizens", "sessions")
Numbers = tuple[int | None, ...]


class Line(NamedTuple):
    """A row of the table: its key (empty below the units), its name, and its numbers in the order of COLUMNS."""

    key: str
    name: str
    numbers: Numbers


class Figures(NamedTuple):
    """A page."""

    units: list[Line]
    rest: list[Line]
    """What is besides the units; the last line takes off what counts for several of them."""
    total: Line
    tiles: dict[str, tuple[int, int]]
    """Members who met the quota, of all, by unit."""
    empty: set[str]
    """Units without a team, which are named below the tiles."""
    maps: dict[str, str]
    """Address by name, of the maps to choose."""
    chosen: str | None

    def sums(self) -> Numbers:
        """Each column added up, but for the total; None where a number of it is not known."""
        columns = zip(*(line.numbers for line in (*self.units, *self.rest)), strict=True)
        return tuple(None if None in column else sum(n or 0 for n in column) for column in columns)


def read(html: str) -> Figures:
    """The numbers of a page, Vietnamese or English."""
    league, of_map, maps = (_part(html, name) for name in ("league", "map", "maps"))
    body, foot = league.split("<tfoot", 1)
    *rest, total = [_line(row) for row in _rows(foot)]
    choices = re.findall(r'<a href="([^"]+)"( aria-current="true")?>\s*<strong>(.*?)</strong>', maps)
    return Figures(
        [_line(row) for row in _rows(body.split("<tbody", 1)[1])],
        rest,
        total,
        {key: (_number(part) or 0, _number(whole) or 0) for key, part, whole in re.findall(_TILE, of_map, re.DOTALL)},
        set(re.findall(r'<span class="nowrap[^"]*" id="row-([^"]+)"', of_map)),
        {_text(name): unescape(href) for href, _, name in choices},
        next((_text(name) for _, current, name in choices if current), None),
    )


_TILE = r'<li[^>]*data-key="([^"]+)">\s*<a (?:(?!</li>).)*?<span class="tile-of"><span class="num">([\d.,]+)/([\d.,]+)<'


def _part(html: str, name: str) -> str:
    found = re.search(rf'<(\w+) id="{name}".*?</\1>', html, re.DOTALL)
    assert found, f"no part {name}"
    return found[0]


def _rows(html: str) -> list[str]:
    return re.findall(r"<tr.*?</tr>", html, re.DOTALL)


def _line(row: str) -> Line:
    key = re.search(r'data-key="([^"]+)"', row)
    [head] = re.findall(r"<th[^>]*>(.*?)</th>", row, re.DOTALL)
    cells = [_text(c) for c in re.findall(r"<td[^>]*data-label[^>]*>(.*?)</td>", row, re.DOTALL)]
    numbers = tuple(_number(n) for cell in cells for n in cell.split(" / "))
    assert len(numbers) == len(COLUMNS), row
    return Line(key[1] if key else "", _text(head), numbers)


def _text(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", "", html)).replace("\u00a0", " ").split())


def _number(text: str) -> int | None:
    """A whole number as the pages write it; None for a dash."""
    if text == "\N{EN DASH}":
        return None
    return int(re.sub(r"[.,]", "", text.replace("\N{MINUS SIGN}", "-")))
