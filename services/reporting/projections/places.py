"""Which places and organisations are there? Names for everything else."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from shared.contracts import Recorded
from shared.contracts.registry import OrganisationRegistered, UnitEstablished
from shared.projection import Projection, Rows, Table


class UnitRow(NamedTuple):
    """A unit in force."""

    unit_id: str
    code: str
    name: str
    kind: str
    level: str
    parent_id: str | None
    district_id: str | None
    valid_from: date


class OrganisationRow(NamedTuple):
    """An organisation."""

    organisation_id: str
    name: str
    sector: str
    headcount: int | None


units = Table("unit", UnitRow, key=1)
organisations = Table("organisation", OrganisationRow, key=1)
places = Projection("places", version=1, tables=(units, organisations))


@places.on(UnitEstablished, needs=lambda *_: ())
def unit_established(rows: Rows, _: Recorded, event: UnitEstablished) -> None:
    """A unit is in force."""
    rows.put(
        units,
        UnitRow(
            event.unit_id, event.code, event.name, event.kind, event.level, event.parent_id, event.district_id,
            event.valid_from,
        ),
    )  # fmt: skip


@places.on(OrganisationRegistered, needs=lambda *_: ())
def organisation_registered(rows: Rows, _: Recorded, event: OrganisationRegistered) -> None:
    """An organisation takes part."""
    rows.put(organisations, OrganisationRow(event.organisation_id, event.name, event.sector, event.headcount))
