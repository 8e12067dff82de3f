"""Names for everything: units and organisations."""

from __future__ import annotations

from datetime import UTC, date, datetime

from services.reporting.projections.places import OrganisationRow, UnitRow, places
from shared.contracts import Recorded
from shared.contracts.reform import Level
from shared.contracts.registry import OrganisationRegistered, UnitEstablished
from shared.projection import fold_all

NOW = datetime(2023, 7, 28, 1, 0, tzinfo=UTC)


def test_units_and_organisations_are_named() -> None:
    unit = UnitEstablished(
        occurred_at=NOW, unit_id="21400", code="21400", name="Thị trấn Mộ Đức", kind="township", level=Level.COMMUNE,
        parent_id="533", district_id="533", commune_id="21400", edition="2023", valid_from=date(2020, 2, 1),
    )  # fmt: skip
    youth = OrganisationRegistered(occurred_at=NOW, organisation_id="youth", name="Tỉnh đoàn", sector="youth_union")
    firm = OrganisationRegistered(
        occurred_at=NOW, organisation_id="vnpt", name="VNPT", sector="enterprise", headcount=120
    )
    records = [Recorded("registry", pos, str(pos), NOW, event) for pos, event in enumerate([unit, youth, firm], 1)]

    assert fold_all(places, records) == {
        "unit": {
            ("21400",): UnitRow("21400", "21400", "Thị trấn Mộ Đức", "township", "commune", "533", "533",
                                date(2020, 2, 1))
        },
        "organisation": {
            ("youth",): OrganisationRow("youth", "Tỉnh đoàn", "youth_union", None),
            ("vnpt",): OrganisationRow("vnpt", "VNPT", "enterprise", 120),
        },
    }  # fmt: skip
