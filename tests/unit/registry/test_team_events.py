"""What a team's history tells, by day."""

from __future__ import annotations

from services.registry.team import NameSince
from services.registry.team_events import happened
from shared.contracts.reform import EndReason
from shared.contracts.registry import Role
from tests.unit.registry.people import FORMED, a_place, a_team, july


def test_everything_that_happened_comes_by_day_and_on_a_day_in_the_order_in_which_it_makes_sense() -> None:
    history = a_team()
    first = history.places[0]
    moved = first._replace(valid_from=july(10), unit_id="21403", reason="transfer")
    history = history._replace(
        team=history.team._replace(disbanded_on=july(20), end_reason=EndReason.TASK_DONE),
        places=(first._replace(valid_to=july(10)), moved),
        names=(NameSince(FORMED, "Tổ"), NameSince(july(10), "Tổ mới")),
    )
    places = [a_place("binh", joined=july(10), left=july(20)), a_place("an", Role.LEADER, roles=((10, Role.DEPUTY),))]
    told = happened(history, places)
    assert [(h.day, h.what, h.name or h.member_id or h.unit_id or h.reason) for h in told] == [
        (FORMED, "formed", "Tổ"),
        (FORMED, "joined", "an"),
        (july(10), "renamed", "Tổ mới"),
        (july(10), "moved", "21403"),
        (july(10), "joined", "binh"),
        (july(10), "role", "an"),
        (july(20), "left", "binh"),
        (july(20), "disbanded", "task_done"),
    ]
    assert (told[3].from_unit_id, told[3].reason) == ("21400", "transfer")
    assert [h.role for h in told if h.member_id == "an"] == ["leader", "deputy"]
