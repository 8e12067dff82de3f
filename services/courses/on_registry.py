"""What courses remembers of registry: which units there are on which day, and which organisations."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Any, NamedTuple

from shared.contracts import Recorded, history
from shared.contracts.history import UnitVersion
from shared.contracts.registry import (
    OrganisationChanged,
    OrganisationDissolved,
    OrganisationRegistered,
    ReorganisationReversed,
    UnitCorrected,
    UnitEstablished,
    UnitsReorganised,
)
from shared.projection import Key, Projection, Rows, Table


class KnownOrganisation(NamedTuple):
    """An organisation that a learner may belong to, from its first day to its last where these are known."""

    organisation_id: str
    name: str
    sector: str
    valid_from: date | None
    last_day: date | None
    successor_id: str | None


units = Table("known_unit", UnitVersion, key=2)
organisations = Table("known_organisation", KnownOrganisation, key=1)
PROJECTION = Projection("courses_registry", version=2, tables=(units, organisations))


def unit_told(rows: Rows, _: Recorded, event: history.UnitEvent) -> None:
    """A unit can be named by learners on the days on which it is in force."""
    for version in history.unit_versions(event, partial(rows.get, units)):
        rows.put(units, version)


def _unit_needs(_: Recorded, event: history.UnitEvent) -> list[tuple[Table[Any], Key]]:
    return [(units, key) for key in history.unit_keys(event)]


PROJECTION.on(UnitEstablished, needs=_unit_needs)(unit_told)
PROJECTION.on(UnitCorrected, needs=_unit_needs)(unit_told)
PROJECTION.on(UnitsReorganised, needs=_unit_needs)(unit_told)
PROJECTION.on(ReorganisationReversed, needs=_unit_needs)(unit_told)


@PROJECTION.on(OrganisationRegistered, needs=lambda *_: ())
def organisation_registered(rows: Rows, _: Recorded, event: OrganisationRegistered) -> None:
    """An organisation can be named by learners."""
    new = KnownOrganisation(event.organisation_id, event.name, event.sector, event.valid_from, None, None)
    rows.put(organisations, new)


def _organisation_needs(
    _: Recorded, event: OrganisationChanged | OrganisationDissolved
) -> list[tuple[Table[Any], Key]]:
    return [(organisations, (event.organisation_id,))]


def _known(rows: Rows, organisation_id: str) -> KnownOrganisation:
    found = rows.get(organisations, organisation_id)
    if found is None:
        raise LookupError(f"organisation {organisation_id} was never registered")
    return found


@PROJECTION.on(OrganisationChanged, needs=_organisation_needs)
def organisation_changed(rows: Rows, _: Recorded, event: OrganisationChanged) -> None:
    """It goes by another name, or belongs to another group."""
    known = _known(rows, event.organisation_id)
    rows.put(organisations, known._replace(name=event.name, sector=event.sector))


@PROJECTION.on(OrganisationDissolved, needs=_organisation_needs)
def organisation_dissolved(rows: Rows, _: Recorded, event: OrganisationDissolved) -> None:
    """After its last day nobody enrols for it; what was learned until then stays."""
    known = _known(rows, event.organisation_id)
    rows.put(organisations, known._replace(last_day=event.last_day, successor_id=event.successor_id))
