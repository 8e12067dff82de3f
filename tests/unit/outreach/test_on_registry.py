"""What outreach keeps of registry: units, teams and people with their days, through moves, reforms and reversals."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from services.outreach.on_registry import RosterHeir, roster
from shared.contracts import Event, Recorded
from shared.contracts.history import Membership, TeamPlace, UnitVersion
from shared.contracts.reform import Level
from shared.contracts.registry import (
    MemberJoined,
    MemberLeft,
    MemberRoleChanged,
    ReorganisationReversed,
    TeamFormed,
    TeamReassigned,
    UnitCorrected,
    UnitEstablished,
    UnitsReorganised,
)
from shared.projection import fold_all

NOW = datetime(2023, 7, 28, 1, 0, tzinfo=UTC)
OLD, REFORM = date(2020, 2, 1), date(2025, 7, 1)
BASIS = {"number": "1677/NQ-UBTVQH15", "title": "Sắp xếp", "issued_on": "2025-06-16", "issuer": "UBTVQH"}


def unit(unit_id: str, name: str, district_id: str | None = None, **changed: Any) -> dict[str, Any]:
    facts = {"unit_id": unit_id, "code": unit_id[:5], "name": name, "kind": "commune", "level": "commune",
             "parent_id": district_id or "51", "district_id": district_id, "commune_id": unit_id}  # fmt: skip
    return {**facts, **changed}


TRA_BUI = unit("21142", "Xã Trà Bùi", "525")
LY_SON = unit("536", "Huyện Lý Sơn", "536", kind="district", level="district", parent_id="51", commune_id=None)
LY_SON_AFTER = unit("536", "Đặc khu Lý Sơn", None, code="21548", kind="special_zone")
CA_DAM, TAY_TRA_BONG = unit("21136-2507", "Xã Cà Đam"), unit("21157-2507", "Xã Tây Trà Bồng")


def established(of: dict[str, Any]) -> UnitEstablished:
    return UnitEstablished.model_validate({**of, "occurred_at": NOW, "edition": "2023", "valid_from": OLD})


REORGANISED = UnitsReorganised.model_validate(
    {
        "occurred_at": NOW, "reform_id": "2025-07", "legal_basis": BASIS, "effective_on": REFORM,
        "changes": [
            {"change": "established", "unit": CA_DAM},
            {"change": "established", "unit": TAY_TRA_BONG},
            {"change": "changed", "unit": LY_SON_AFTER, "since": OLD},
            {"change": "abolished", "unit": TRA_BUI, "since": OLD},
        ],
        "transitions": [],
        "heirs": [{"unit_id": "21142", "successor_id": "21157-2507"}],
    }
)  # fmt: skip
REVERSED = ReorganisationReversed.model_validate(
    {
        "occurred_at": NOW, "reform_id": "2025-07", "effective_on": REFORM,
        "restored": [{"change": "changed", "unit": u, "since": OLD} for u in (LY_SON, TRA_BUI)],
        "removed_unit_ids": ["21136-2507", "21157-2507"],
    }
)  # fmt: skip
FORMED = TeamFormed(
    occurred_at=NOW, team_id="t1", name="Tổ", level=Level.VILLAGE, unit_id="21142", village="Thôn Quế",
    decision_number="1", decision_date=date(2023, 7, 1), formed_on=date(2023, 7, 1),
)  # fmt: skip


def moved(since: date, to: str, day: date) -> TeamReassigned:
    facts = {"occurred_at": NOW, "team_id": "t1", "from_unit_id": "?", "since": since, "unit_id": to,
             "level": "village", "village": "Thôn Quế", "effective_on": day, "reason": "reform"}  # fmt: skip
    return TeamReassigned.model_validate(facts)


def joined(day: str, team_id: str = "t1", role: str = "leader") -> MemberJoined:
    facts = {"occurred_at": NOW, "member_id": "an", "team_id": team_id, "role": role, "unit_id": "21142",
             "joined_on": day}  # fmt: skip
    return MemberJoined.model_validate(facts)


def left(day: str, team_id: str = "t1") -> MemberLeft:
    facts = {"occurred_at": NOW, "member_id": "an", "team_id": team_id, "left_on": day, "reason": "moved"}
    return MemberLeft.model_validate(facts)


def after(*events: Event) -> dict[str, dict[Any, Any]]:
    return fold_all(roster, [Recorded("registry", pos, str(pos), NOW, event) for pos, event in enumerate(events, 1)])


def on(tables: dict[str, dict[Any, Any]], day: date) -> dict[str, tuple[str, str | None]]:
    """Name and district of each unit in force on a day."""
    rows: list[UnitVersion] = list(tables["roster_unit"].values())
    found = [r for r in rows if r.valid_from <= day and (r.valid_to is None or day < r.valid_to) and not r.void]
    assert len({r.unit_id for r in found}) == len(found), "a unit has one state a day"
    return {r.unit_id: (r.name, r.district_id) for r in found}


BEFORE = {"21142": ("Xã Trà Bùi", "525"), "536": ("Huyện Lý Sơn", "536")}
LATER = {
    "21136-2507": ("Xã Cà Đam", None), "21157-2507": ("Xã Tây Trà Bồng", None), "536": ("Đặc khu Lý Sơn", None),
}  # fmt: skip


def test_a_reform_ends_the_old_map_the_day_before_it_takes_effect() -> None:
    tables = after(established(TRA_BUI), established(LY_SON), REORGANISED)
    assert on(tables, date(2020, 1, 31)) == {}
    assert on(tables, date(2025, 6, 30)) == BEFORE
    assert on(tables, REFORM) == LATER
    assert tables["roster_heir"] == {("21142", REFORM): RosterHeir("21142", REFORM, "21157-2507", False)}


def test_a_reform_that_is_taken_back_never_was() -> None:
    units = [established(TRA_BUI), established(LY_SON)]
    tables = after(*units, REORGANISED, REVERSED)
    assert on(tables, REFORM) == on(tables, date(2025, 6, 30)) == BEFORE
    assert [heir.void for heir in tables["roster_heir"].values()] == [True]
    again = after(*units, REORGANISED, REVERSED, REORGANISED)
    assert again == after(*units, REORGANISED)


def test_a_correction_replaces_a_state_and_keeps_its_end() -> None:
    right = {**LY_SON, "name": "Huyện đảo Lý Sơn"}
    corrected = UnitCorrected.model_validate({**right, "occurred_at": NOW, "since": OLD})
    tables = after(established(TRA_BUI), established(LY_SON), REORGANISED, corrected)
    assert on(tables, date(2025, 6, 30)) == {**BEFORE, "536": ("Huyện đảo Lý Sơn", "536")}
    assert on(tables, REFORM) == LATER


def test_a_team_has_one_place_a_day() -> None:
    at_first = TeamPlace("t1", date(2023, 7, 1), None, "21142", "village", "Thôn Quế", None)
    moved_on = at_first._replace(valid_to=REFORM), at_first._replace(valid_from=REFORM, unit_id="21157-2507")
    assert list(after(FORMED)["roster_team_place"].values()) == [at_first]
    reform = moved(at_first.valid_from, "21157-2507", REFORM)
    assert list(after(FORMED, reform)["roster_team_place"].values()) == list(moved_on)
    back = moved(REFORM, "21142", REFORM)
    assert list(after(FORMED, reform, back)["roster_team_place"].values()) == [
        moved_on[0], moved_on[1]._replace(unit_id="21142"),
    ]  # fmt: skip


def test_a_move_within_the_past_leaves_what_came_later_alone() -> None:
    later = moved(date(2023, 7, 1), "B", date(2024, 5, 1))
    between = moved(date(2023, 7, 1), "A", date(2024, 1, 1))
    places = sorted(after(FORMED, later, between)["roster_team_place"].values())
    assert [(p.unit_id, p.valid_from.isoformat(), p.valid_to and p.valid_to.isoformat()) for p in places] == [
        ("21142", "2023-07-01", "2024-01-01"), ("A", "2024-01-01", "2024-05-01"), ("B", "2024-05-01", None),
    ]  # fmt: skip


def test_nobody_moves_from_where_they_never_were() -> None:
    with pytest.raises(LookupError, match="was not there"):
        after(FORMED, moved(date(2023, 7, 2), "A", REFORM))
    with pytest.raises(LookupError, match="never joined"):
        after(joined("2023-07-03"), left("2023-08-01", "t2"))


def test_a_person_leaves_one_team_of_two_and_comes_back() -> None:
    tables = after(
        joined("2023-07-03"), joined("2023-07-10", "t2"), left("2023-07-20"), joined("2023-08-01", role="member"),
        MemberRoleChanged.model_validate(
            {"occurred_at": NOW, "member_id": "an", "team_id": "t2", "role": "deputy", "effective_on": "2023-07-12"}
        ),
    )  # fmt: skip
    first = Membership("an", "t1", date(2023, 7, 3), date(2023, 7, 20), "leader", None)
    other = Membership("an", "t2", date(2023, 7, 10), None, "deputy", None)
    again = Membership("an", "t1", date(2023, 8, 1), None, "member", None)
    assert sorted(tables["roster_spell"].values()) == [first, again, other]
    assert sorted(tables["roster_member"].values()) == [again, other]
