"""Where a team was on record on a map that was taken back since, as far as that is another place than the one that is
known now. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import NamedTuple

from services.registry.team import TeamHistory, TeamPlace

_ONE_DAY = timedelta(days=1)


class Voided(NamedTuple):
    """A place that was known until a reform was taken back."""

    place: TeamPlace
    known_from: datetime
    until: date
    """The day on which it was known last."""
    reform_id: str
    """The reform that was taken back."""


class Recorded(NamedTuple):
    """Where a team was on record for some days, until the map was taken back."""

    first: date
    last: date
    place: TeamPlace
    known_from: datetime
    reform_id: str


def recorded_elsewhere(history: TeamHistory, voided: Iterable[Voided]) -> list[Recorded]:
    """The days for which another place than today's was on record, by day, days in a row at one place together."""
    found: list[Recorded] = []
    for piece in sorted((p for v in voided for p in _pieces(history, v)), key=lambda p: (p.first, p.known_from)):
        last = found[-1] if found else None
        if last and (last.place.where, last.reform_id) == (piece.place.where, piece.reform_id) and (
            piece.first <= last.last + _ONE_DAY
        ):  # fmt: skip
            found[-1] = last._replace(last=max(last.last, piece.last))
        else:
            found.append(piece)
    return found


def _pieces(history: TeamHistory, voided: Voided) -> Iterator[Recorded]:
    was = voided.place
    for place in history.places:
        first = max(was.valid_from, place.valid_from)
        ends = [end - _ONE_DAY for end in (was.valid_to, place.valid_to) if end]
        last = min([voided.until, *ends])
        if place.where != was.where and first <= last:
            yield Recorded(first, last, was, voided.known_from, voided.reform_id)
