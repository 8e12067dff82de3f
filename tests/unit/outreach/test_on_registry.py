"""What outreach keeps of registry: units that may be named, members with their days."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from services.outreach.on_registry import RosterMember, RosterUnit, roster
from shared.contracts import Event, Recorded
from shared.contracts.reform import Level
from shared.contracts.registry import MemberJoined, MemberLeft, UnitEstablished
from shared.projection import fold_all

NOW = datetime(2023, 7, 28, 1, 0, tzinfo=UTC)
JOINED = MemberJoined.model_validate(
    {"occurred_at": NOW, "member_id": "an", "team_id": "t1", "role": "member", "unit_id": "21400", "district_id": "533",
     "commune_id": "21400", "joined_on": "2023-07-03"}
)  # fmt: skip
LEFT = MemberLeft.model_validate(
    {"occurred_at": NOW, "member_id": "an", "team_id": "t1", "left_on": "2023-07-30", "reason": "new_duty"}
)
ROW = RosterMember("an", "t1", "21400", "533", "21400", date(2023, 7, 3), None)


def after(*events: Event) -> dict[str, dict[Any, Any]]:
    records = [Recorded("registry", pos, str(pos), NOW, event) for pos, event in enumerate(events, 1)]
    return fold_all(roster, records)


def test_a_unit_in_force_may_be_named() -> None:
    unit = UnitEstablished(
        occurred_at=NOW, unit_id="536", code="536", name="Huyện Lý Sơn", kind="district", level=Level.DISTRICT,
        parent_id="51", district_id="536", edition="2023", valid_from=date(2020, 2, 1),
    )  # fmt: skip
    assert after(unit)["roster_unit"] == {("536",): RosterUnit("536", "district", "Huyện Lý Sơn")}


def test_a_member_is_known_from_the_first_day_to_the_last() -> None:
    assert after(JOINED)["roster_member"] == {("an",): ROW}
    assert after(JOINED, LEFT)["roster_member"] == {("an",): ROW._replace(left_on=date(2023, 7, 30))}


def test_nobody_leaves_who_never_joined() -> None:
    with pytest.raises(LookupError, match="never joined"):
        after(LEFT)
