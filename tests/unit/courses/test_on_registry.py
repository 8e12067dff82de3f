"""What courses remembers of registry's events."""

from datetime import UTC, date, datetime

from services.courses.on_registry import PROJECTION, KnownOrganisation, KnownUnit
from shared.contracts import Event, Recorded
from shared.contracts.reform import Level
from shared.contracts.registry import OrganisationRegistered, TeamFormed, UnitEstablished
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


def recorded(*events: Event) -> list[Recorded]:
    return [Recorded("registry", pos, f"e{pos}", AT, event) for pos, event in enumerate(events, 1)]


def test_units_and_organisations_become_known_and_other_events_change_nothing() -> None:
    assert fold_all(PROJECTION, recorded(UNIT, TEAM, ORGANISATION)) == {
        "known_unit": {("21400",): KnownUnit("21400", "commune", "533", "21400", "Thị trấn Mộ Đức")},
        "known_organisation": {("tinh-doan",): KnownOrganisation("tinh-doan", "Tỉnh đoàn", "youth_union")},
    }


def test_the_same_event_again_changes_nothing() -> None:
    once = fold_all(PROJECTION, recorded(UNIT, ORGANISATION))
    assert fold_all(PROJECTION, recorded(UNIT, ORGANISATION, UNIT, ORGANISATION)) == once


def test_it_follows_registry_alone() -> None:
    assert PROJECTION.follows == ("registry",)
