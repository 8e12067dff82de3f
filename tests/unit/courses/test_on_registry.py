"""What courses remembers of registry's events."""

from datetime import UTC, date, datetime

import pytest

from services.courses.on_registry import PROJECTION, KnownOrganisation
from shared.contracts import Event, Recorded
from shared.contracts.history import UnitVersion
from shared.contracts.reform import Level
from shared.contracts.registry import (
    OrganisationChanged,
    OrganisationDissolved,
    OrganisationRegistered,
    TeamFormed,
    UnitEstablished,
    UnitsReorganised,
)
from shared.projection import fold_all

AT = datetime(2023, 7, 1, tzinfo=UTC)

UNIT = UnitEstablished(
    occurred_at=AT, unit_id="21400", code="21400", name="Thị trấn Mộ Đức", kind="township", level=Level.COMMUNE,
    parent_id="533", district_id="533", commune_id="21400", edition="2023", valid_from=date(2023, 1, 1),
)  # fmt: skip
ORGANISATION = OrganisationRegistered(
    occurred_at=AT, organisation_id="tinh-doan", name="Tỉnh đoàn", sector="youth_union", headcount=400
)
TEAM = TeamFormed(
    occurred_at=AT, team_id="t", name="Tổ", level=Level.COMMUNE, unit_id="21400", decision_number="1",
    decision_date=date(2023, 7, 1), formed_on=date(2023, 7, 1),
)  # fmt: skip

TOWN = UnitVersion("21400", date(2023, 1, 1), None, False, "21400", "Thị trấn Mộ Đức", "township", "commune", "533",
                   "533", "21400")  # fmt: skip
YOUTH = KnownOrganisation("tinh-doan", "Tỉnh đoàn", "youth_union", None, None, None)


def recorded(*events: Event) -> list[Recorded]:
    return [Recorded("registry", pos, f"e{pos}", AT, event) for pos, event in enumerate(events, 1)]


def test_units_and_organisations_become_known_and_other_events_change_nothing() -> None:
    assert fold_all(PROJECTION, recorded(UNIT, TEAM, ORGANISATION)) == {
        "known_unit": {("21400", date(2023, 1, 1)): TOWN},
        "known_organisation": {("tinh-doan",): YOUTH},
    }


def test_the_same_event_again_changes_nothing() -> None:
    once = fold_all(PROJECTION, recorded(UNIT, ORGANISATION))
    assert fold_all(PROJECTION, recorded(UNIT, ORGANISATION, UNIT, ORGANISATION)) == once


def test_it_follows_registry_alone() -> None:
    assert PROJECTION.follows == ("registry",)


def test_a_reform_gives_a_unit_another_state_from_its_day_on() -> None:
    changed = {**{k: getattr(UNIT, k) for k in ("unit_id", "code", "kind", "level", "commune_id")},
               "name": "Xã Mộ Đức", "parent_id": "51", "district_id": None}  # fmt: skip
    basis = {"number": "1677", "title": "Sắp xếp", "issued_on": "2025-06-16", "issuer": "UBTVQH"}
    day = date(2025, 7, 1)
    reform = UnitsReorganised.model_validate(
        {"occurred_at": AT, "reform_id": "2025-07", "legal_basis": basis, "effective_on": day, "transitions": [],
         "changes": [{"change": "changed", "unit": changed, "since": UNIT.valid_from}], "heirs": []}
    )  # fmt: skip
    after = TOWN._replace(valid_from=day, name="Xã Mộ Đức", parent_id="51", district_id=None)
    assert list(fold_all(PROJECTION, recorded(UNIT, reform))["known_unit"].values()) == [
        TOWN._replace(valid_to=day), after,
    ]  # fmt: skip


def test_an_organisation_goes_by_its_last_name_and_ends() -> None:
    changed = OrganisationChanged(
        occurred_at=AT, organisation_id="tinh-doan", name="Đoàn tỉnh", sector="union", effective_on=date(2025, 3, 1)
    )
    dissolved = OrganisationDissolved(
        occurred_at=AT, organisation_id="tinh-doan", last_day=date(2025, 6, 30), successor_id="mttq"
    )
    after = YOUTH._replace(name="Đoàn tỉnh", sector="union", last_day=date(2025, 6, 30), successor_id="mttq")
    found = fold_all(PROJECTION, recorded(ORGANISATION, changed, dissolved))["known_organisation"]
    assert list(found.values()) == [after]
    for event in (changed, dissolved):
        with pytest.raises(LookupError, match="never registered"):
            fold_all(PROJECTION, recorded(event))
