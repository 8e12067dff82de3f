"""Names for everything, with its days: units through a reform and its reversal, organisations and their headcounts."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from services.reporting.projections.places import (
    FROM_THE_FIRST,
    EditionRow,
    HeadcountRow,
    LineageRow,
    OrganisationRow,
    OrganisationStateRow,
    ReformRow,
    places,
)
from shared.contracts import Event, Recorded
from shared.contracts.reform import Level
from shared.contracts.registry import (
    HeadcountDeclared,
    OrganisationChanged,
    OrganisationDissolved,
    OrganisationRegistered,
    ReorganisationReversed,
    UnitCorrected,
    UnitEstablished,
)
from shared.projection import fold_all
from tests.support.histories import LAUNCH, reorganised, unit_state

NOW = datetime(2023, 7, 28, 1, 0, tzinfo=UTC)
DAY = date(2025, 7, 1)
YOUTH = OrganisationRegistered(occurred_at=NOW, organisation_id="youth", name="Tỉnh đoàn", sector="youth_union")
FIRM = OrganisationRegistered(
    occurred_at=NOW, organisation_id="vnpt", name="VNPT", sector="enterprise", headcount=120, parent_id="firms"
)


def after(*events: Event) -> dict[str, dict[Any, Any]]:
    return fold_all(places, [Recorded("registry", pos, str(pos), NOW, event) for pos, event in enumerate(events, 1)])


def test_a_reform_is_cited_and_says_who_came_after_whom() -> None:
    tables = after(reorganised(LAUNCH))
    assert list(tables["reform"].values()) == [
        ReformRow("R", "1/NQ", "Sắp xếp", "UBTVQH", date(2023, 6, 1), LAUNCH, None, 0)
    ]
    assert list(tables["lineage"].values()) == [
        LineageRow("C2", "C4", LAUNCH, "part", "split", "R", 1),
        LineageRow("C2", "C5", LAUNCH, "part", "split", "R", 1),
        LineageRow("C1", "C6", LAUNCH, "whole", "renamed", "R", 1),
    ]


def test_an_edition_is_named_with_the_day_from_which_it_holds() -> None:
    told = [unit("A", edition="2023"), unit("B", edition="2023"), unit("v", edition="")]
    assert list(after(*told)["edition"].values()) == [EditionRow("2023", LAUNCH)]


def unit(unit_id: str, edition: str) -> UnitEstablished:
    state = unit_state(unit_id, Level.COMMUNE, None).model_dump()
    return UnitEstablished(occurred_at=NOW, edition=edition, valid_from=LAUNCH, **state)


def test_what_was_told_of_a_reform_up_to_its_reversal_does_not_hold() -> None:
    back = ReorganisationReversed(
        occurred_at=NOW, reform_id="R", effective_on=LAUNCH, restored=(), removed_unit_ids=("C4", "C5", "C6")
    )
    tables = after(reorganised(LAUNCH), back)
    assert tables["reform"]["R",].reversed_at == 2
    assert {u.void for u in tables["unit_version"].values() if u.unit_id in {"C4", "C5", "C6"}} == {True}
    again = after(reorganised(LAUNCH), back, reorganised(LAUNCH))
    assert again["reform"]["R",].reversed_at == 2
    assert {line.told_at for line in again["lineage"].values()} == {3}


def test_a_reform_in_several_events_holds_in_all_of_them() -> None:
    whole = reorganised(LAUNCH)
    parts = [whole.model_copy(update={"transitions": whole.transitions[n:][:1]}) for n in range(3)]
    tables = after(*parts)
    assert [line.told_at for line in tables["lineage"].values()] == [1, 2, 3]
    assert tables["reform"]["R",].reversed_at == 0


def test_a_unit_is_corrected() -> None:
    state = unit_state("C1", Level.COMMUNE, "D1")
    corrected = UnitCorrected(occurred_at=NOW, since=date(2020, 2, 1), **state.model_dump())
    assert [u.name for u in after(corrected)["unit_version"].values()] == ["Đơn vị C1"]


def test_an_organisation_has_a_parent_a_last_name_and_an_end() -> None:
    changed = OrganisationChanged(
        occurred_at=NOW,
        organisation_id="vnpt",
        name="VNPT Quảng Ngãi",
        sector="firm",
        parent_id="all",
        effective_on=DAY,
    )
    dissolved = OrganisationDissolved(occurred_at=NOW, organisation_id="vnpt", last_day=DAY, successor_id="youth")
    assert list(after(YOUTH, FIRM, changed, dissolved)["organisation"].values()) == [
        OrganisationRow("youth", "Tỉnh đoàn", "youth_union", None, None, None, None),
        OrganisationRow("vnpt", "VNPT Quảng Ngãi", "firm", "all", None, DAY, "youth"),
    ]
    assert list(after(YOUTH, FIRM, changed)["organisation_state"].values()) == [
        OrganisationStateRow("youth", FROM_THE_FIRST, "Tỉnh đoàn", "youth_union", None),
        OrganisationStateRow("vnpt", FROM_THE_FIRST, "VNPT", "enterprise", "firms"),
        OrganisationStateRow("vnpt", DAY, "VNPT Quảng Ngãi", "firm", "all"),
    ]
    again = changed.model_copy(update={"parent_id": "other"})
    assert [s.parent_id for s in after(FIRM, changed, again)["organisation_state"].values()] == ["firms", "other"]
    for event in (changed, dissolved):
        with pytest.raises(LookupError, match="never registered"):
            after(event)


def test_a_headcount_holds_from_a_day_on() -> None:
    more = HeadcountDeclared(occurred_at=NOW, organisation_id="vnpt", headcount=130, valid_from=DAY)
    dated = YOUTH.model_copy(update={"headcount": 9, "valid_from": LAUNCH})
    assert list(after(YOUTH, FIRM, more)["headcount"].values()) == [
        HeadcountRow("vnpt", FROM_THE_FIRST, 120), HeadcountRow("vnpt", DAY, 130),
    ]  # fmt: skip
    assert list(after(dated)["headcount"].values()) == [HeadcountRow("youth", LAUNCH, 9)]
