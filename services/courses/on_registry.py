"""What courses remembers of registry: which units and organisations there are."""

from __future__ import annotations

from typing import NamedTuple

from shared.contracts import Recorded
from shared.contracts.registry import OrganisationRegistered, UnitEstablished
from shared.projection import Projection, Rows, Table


class KnownUnit(NamedTuple):
    """A unit that a learner may belong to."""

    unit_id: str
    level: str
    district_id: str | None
    commune_id: str | None
    name: str


class KnownOrganisation(NamedTuple):
    """An organisation that a learner may belong to."""

    organisation_id: str
    name: str
    sector: str


units = Table("known_unit", KnownUnit, key=1)
organisations = Table("known_organisation", KnownOrganisation, key=1)
PROJECTION = Projection("courses_registry", version=1, tables=(units, organisations))


@PROJECTION.on(UnitEstablished, needs=lambda *_: [])
def unit_established(rows: Rows, _: Recorded, event: UnitEstablished) -> None:
    """A unit can be named by learners from now on."""
    rows.put(units, KnownUnit(event.unit_id, event.level.value, event.district_id, event.commune_id, event.name))


@PROJECTION.on(OrganisationRegistered, needs=lambda *_: [])
def organisation_registered(rows: Rows, _: Recorded, event: OrganisationRegistered) -> None:
    """An organisation can be named by learners from now on."""
    rows.put(organisations, KnownOrganisation(event.organisation_id, event.name, event.sector))
