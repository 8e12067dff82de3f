"""The tree of organisations on a day, and the results that are summed up it, to the groups that the plan names. Pure.

A result belongs to the organisation for which the learner took the course, and counts for all that it stands below on
the day that is asked for. An organisation that ended counts where its successor stands, else where it stood last; one
that is still to come, where it will stand first. So each result counts for one group, or for none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Literal, NamedTuple

GROUP = "group"
"""Sector of the groups that the plan names; they stand on top and are no organisations themselves."""
Level = Literal["group", "organisation"]


class Results(NamedTuple):
    """Learners of courses: a learner counts once in each course."""

    enrolled: int = 0
    passed: int = 0
    attempts: int = 0


class Organisation(NamedTuple):
    """An organisation or a group with its own results; named and placed as on a day, or on the day next to it."""

    organisation_id: str
    name: str
    sector: str
    parent_id: str | None
    first_day: date | None
    last_day: date | None
    successor_id: str | None
    headcount: int | None
    results: Results

    def is_there(self, day: date) -> bool:
        """Whether it is there on a day."""
        return (self.first_day or day) <= day <= (self.last_day or day)

    @property
    def is_group(self) -> bool:
        """Whether it is a group of the plan."""
        return self.sector == GROUP


class Line(NamedTuple):
    """Results of one or of several organisations, with their denominator; without an id: of those who named none."""

    organisation_id: str | None
    name: str | None
    sector: str | None
    parent_id: str | None
    last_day: date | None
    organisations: int
    """Those that are there on the day, groups left out."""
    headcount: int | None
    """People of those that are there; None: nobody has declared any."""
    undeclared: int
    """Of the organisations, those that have declared no headcount."""
    enrolled: int
    passed: int
    attempts: int


class Tree:
    """All organisations as they stand on one day."""

    def __init__(self, day: date, all_of_them: Iterable[Organisation], everyone: Results) -> None:
        self.day = day
        self._all = {o.organisation_id: o for o in all_of_them}
        self._paths = {i: self._path(i) for i in self._all}
        self.everyone = everyone
        """Results of all learners, of no organisation too."""
        self._below: dict[str, list[Organisation]] = {}
        for organisation_id, path in self._paths.items():
            for above in path:
                self._below.setdefault(above, []).append(self._all[organisation_id])

    def __contains__(self, organisation_id: str) -> bool:
        return organisation_id in self._all

    def _path(self, organisation_id: str) -> tuple[str, ...]:
        """It and what it counts for, upwards."""
        found: list[str] = []
        above: str | None = organisation_id
        while above in self._all and above not in found:
            found.append(above)
            above = self._above(self._all[above])
        return tuple(found)

    def _above(self, of: Organisation) -> str | None:
        ended = of.last_day is not None and of.last_day < self.day
        return of.successor_id if ended and of.successor_id in self._all else of.parent_id

    def lines(self, level: Level, within: str | None = None) -> list[Line]:
        """Groups with all that stands below them, or organisations by themselves, most passes first."""
        if level == "group":
            found = [self.whole(o.organisation_id) for o in self._all.values() if o.is_group]
        else:
            found = [self._sum(o, [o]) for o in self._all.values() if not o.is_group]
        return sorted((line for line in found if self._is_within(line, within)), key=_rank)

    def rest(self, level: Level, within: str | None = None) -> list[Line]:
        """What no line of the level stands for: with the lines everything, nothing twice. Beside groups: what stands on
        top without being one, with all below it. Beside organisations: the groups' own. Last, those who named none."""
        found = [line for line in self._besides(level) if self._is_within(line, within)]
        return sorted(found, key=_rank) + ([] if within else self._of_none())

    def _besides(self, level: Level) -> Iterator[Line]:
        for one in self._all.values():
            if level == "group" and not one.is_group and len(self._paths[one.organisation_id]) == 1:
                yield self.whole(one.organisation_id)
            elif level == "organisation" and one.is_group and (any(one.results) or one.headcount):
                yield self._sum(one, [one])

    def whole(self, organisation_id: str) -> Line:
        """An organisation or a group with all that stands below it."""
        return self._sum(self._all[organisation_id], self._below[organisation_id])

    def _sum(self, of: Organisation, counted: Sequence[Organisation]) -> Line:
        there = [o for o in counted if o.is_there(self.day)]
        declared = [o.headcount for o in there if o.headcount is not None]
        some = [o for o in there if not o.is_group]
        return Line(
            *of[:4],
            last_day=of.last_day,
            organisations=len(some),
            headcount=sum(declared) if declared else None,
            undeclared=sum(o.headcount is None for o in some),
            **_added(o.results for o in counted)._asdict(),
        )

    def _of_none(self) -> list[Line]:
        known = _added(o.results for o in self._all.values())
        left = Results(*(all_of - some for all_of, some in zip(self.everyone, known, strict=True)))
        return [Line(None, None, None, None, None, 0, None, 0, *left)] if any(left) else []

    def _is_within(self, line: Line, within: str | None) -> bool:
        return not within or within in self._paths[line.organisation_id or ""]


def _added(results: Iterable[Results]) -> Results:
    sums = [sum(column) for column in zip(*results, strict=True)]
    return Results(*sums)


def _rank(line: Line) -> tuple[int, int, str]:
    return -line.passed, -line.enrolled, line.organisation_id or ""
