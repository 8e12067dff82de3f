"""Where a team was on record on a map that was taken back: told where that is another place than today's."""

from __future__ import annotations

from datetime import UTC, date, datetime

from services.registry.team import TeamHistory
from services.registry.team_events import happened
from services.registry.team_voided import Voided, recorded_elsewhere
from tests.unit.registry.people import a_team, july

THEN = datetime(2023, 7, 10, 1, tzinfo=UTC)
HISTORY = a_team(formed=july(3))
OLD = HISTORY.places[0]


def voided(unit_id: str, first: int, end: int | None = None, until: int = 20, reform_id: str = "r1") -> Voided:
    place = OLD._replace(unit_id=unit_id, valid_from=july(first), valid_to=july(end) if end else None)
    return Voided(place, THEN, july(until), reform_id)


def told(history: TeamHistory, *then: Voided) -> list[tuple[str, date, date]]:
    return [(r.place.unit_id, r.first, r.last) for r in recorded_elsewhere(history, then)]


def moved(on: int, unit_id: str) -> TeamHistory:
    later = OLD._replace(valid_from=july(on), unit_id=unit_id)
    return HISTORY._replace(places=(OLD._replace(valid_to=july(on)), later))


def test_it_was_there_from_its_first_day_until_the_map_was_taken_back() -> None:
    assert told(HISTORY, voided("new", 3)) == [("new", july(3), july(20))]
    assert told(HISTORY, voided("new", 3, end=8)) == [("new", july(3), july(7))]


def test_what_is_known_today_as_it_was_then_is_not_told() -> None:
    assert told(HISTORY, voided(OLD.unit_id, 3)) == []
    assert told(moved(10, "new"), voided("new", 3)) == [("new", july(3), july(9))]
    assert told(moved(10, "new"), voided("new", 10)) == []


def test_a_place_of_days_that_had_not_come_was_never_lived_in() -> None:
    assert told(HISTORY, voided("new", 21)) == []
    assert told(HISTORY, voided("new", 20)) == [("new", july(20), july(20))]


def test_days_in_a_row_at_one_place_are_told_together_and_others_apart() -> None:
    assert told(moved(10, "other"), voided("new", 3)) == [("new", july(3), july(20))]
    assert told(HISTORY, voided("new", 8), voided("new", 3, end=8)) == [("new", july(3), july(20))]
    apart = [("new", july(3), july(7)), ("newer", july(8), july(20))]
    assert told(HISTORY, voided("newer", 8), voided("new", 3, end=8)) == apart
    assert len(told(HISTORY, voided("new", 3, until=9), voided("new", 3, reform_id="r2"))) == 2


def test_the_history_tells_it_on_its_first_day_after_where_the_team_is() -> None:
    happenings = happened(HISTORY, [], recorded_elsewhere(HISTORY, [voided("new", 3)]))
    assert [(h.day, h.what, h.unit_id, h.until, h.reform_id) for h in happenings] == [
        (july(3), "formed", "21400", None, None),
        (july(3), "taken_back", "new", july(20), "r1"),
    ]
