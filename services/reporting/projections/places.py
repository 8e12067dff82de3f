"""Which places and organisations are there on which day, and what became of them? Names for everything else."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Any, NamedTuple

from shared.contracts import Recorded, history
from shared.contracts.history import UnitVersion
from shared.contracts.registry import (
    HeadcountDeclared,
    OrganisationChanged,
    OrganisationDissolved,
    OrganisationRegistered,
    ReorganisationReversed,
    UnitCorrected,
    UnitEstablished,
    UnitsReorganised,
)
from shared.projection import Key, Projection, Rows, Table

FROM_THE_FIRST = date(1, 1, 1)
"""First day of what was told without one."""


class ReformRow(NamedTuple):
    """A reform of units, as it is cited. Lines told up to `reversed_at`, where it was taken back last, do not hold."""

    reform_id: str
    number: str
    title: str
    issuer: str
    issued_on: date
    effective_on: date
    edition: str | None
    reversed_at: int


class LineageRow(NamedTuple):
    """Something of the predecessor is in the successor from a day on; told at a position of registry's log."""

    predecessor_id: str
    successor_id: str
    effective_on: date
    part: str
    how: str
    reform_id: str
    told_at: int


class OrganisationRow(NamedTuple):
    """An organisation, by its last name; from its first day to its last where these are known."""

    organisation_id: str
    name: str
    sector: str
    parent_id: str | None
    valid_from: date | None
    last_day: date | None
    successor_id: str | None


class OrganisationStateRow(NamedTuple):
    """What an organisation is called and where it stands, from a day on to its next such day or its end."""

    organisation_id: str
    valid_from: date
    name: str
    sector: str
    parent_id: str | None


class HeadcountRow(NamedTuple):
    """How many people an organisation has from a day on, to the next such day."""

    organisation_id: str
    valid_from: date
    headcount: int


class EditionRow(NamedTuple):
    """An edition of units by its name, and a day from which some of its units are in force."""

    edition: str
    valid_from: date


units = Table("unit_version", UnitVersion, key=2)
editions = Table("edition", EditionRow, key=2)
reforms = Table("reform", ReformRow, key=1)
lineage = Table("lineage", LineageRow, key=3)
organisations = Table("organisation", OrganisationRow, key=1)
organisation_states = Table("organisation_state", OrganisationStateRow, key=2)
headcounts = Table("headcount", HeadcountRow, key=2)
places = Projection(
    "places",
    version=4,
    tables=(units, editions, reforms, lineage, organisations, organisation_states, headcounts),
)

Needs = list[tuple[Table[Any], Key]]


def _unit_needs(_: Recorded, event: history.UnitEvent) -> Needs:
    return [(units, key) for key in history.unit_keys(event)]


def unit_told(rows: Rows, _: Recorded, event: history.UnitEvent) -> None:
    """A unit is so from a day on."""
    for version in history.unit_versions(event, partial(rows.get, units)):
        rows.put(units, version)


@places.on(UnitEstablished, needs=_unit_needs)
def unit_established(rows: Rows, rec: Recorded, event: UnitEstablished) -> None:
    """A unit is there from a day on; what an officer establishes belongs to no edition."""
    unit_told(rows, rec, event)
    if event.edition:
        rows.put(editions, EditionRow(event.edition, event.valid_from))


places.on(UnitCorrected, needs=_unit_needs)(unit_told)


def _reform_needs(rec: Recorded, event: UnitsReorganised | ReorganisationReversed) -> Needs:
    return [*_unit_needs(rec, event), (reforms, (event.reform_id,))]


@places.on(UnitsReorganised, needs=_reform_needs)
def units_reorganised(rows: Rows, rec: Recorded, event: UnitsReorganised) -> None:
    """Another map from a day on, and who came after whom. A large reform comes in several events."""
    unit_told(rows, rec, event)
    known, basis = rows.get(reforms, event.reform_id), event.legal_basis
    rows.put(
        reforms,
        ReformRow(
            event.reform_id, basis.number, basis.title, basis.issuer, basis.issued_on, event.effective_on,
            event.edition, known.reversed_at if known else 0,
        ),
    )  # fmt: skip
    for line in event.transitions:
        rows.put(
            lineage,
            LineageRow(
                line.predecessor_id, line.successor_id, event.effective_on, line.part.value, line.how.value,
                event.reform_id, rec.pos,
            ),
        )  # fmt: skip


@places.on(ReorganisationReversed, needs=_reform_needs)
def reorganisation_reversed(rows: Rows, rec: Recorded, event: ReorganisationReversed) -> None:
    """The map of before; nobody came after anybody."""
    unit_told(rows, rec, event)
    reform = rows.get(reforms, event.reform_id)
    if reform:
        rows.put(reforms, reform._replace(reversed_at=rec.pos))


@places.on(OrganisationRegistered, needs=lambda *_: ())
def organisation_registered(rows: Rows, _: Recorded, event: OrganisationRegistered) -> None:
    """An organisation takes part."""
    rows.put(
        organisations,
        OrganisationRow(
            event.organisation_id, event.name, event.sector, event.parent_id, event.valid_from, None, None
        ),
    )  # fmt: skip
    since = event.valid_from or FROM_THE_FIRST
    rows.put(organisation_states, _state(event, since))
    if event.headcount is not None:
        rows.put(headcounts, HeadcountRow(event.organisation_id, since, event.headcount))


def _state(event: OrganisationRegistered | OrganisationChanged, since: date) -> OrganisationStateRow:
    return OrganisationStateRow(event.organisation_id, since, event.name, event.sector, event.parent_id)


def _organisation_needs(_: Recorded, event: OrganisationChanged | OrganisationDissolved) -> Needs:
    return [(organisations, (event.organisation_id,))]


def _known(rows: Rows, organisation_id: str) -> OrganisationRow:
    found = rows.get(organisations, organisation_id)
    if found is None:
        raise LookupError(f"organisation {organisation_id} was never registered")
    return found


@places.on(OrganisationChanged, needs=_organisation_needs)
def organisation_changed(rows: Rows, _: Recorded, event: OrganisationChanged) -> None:
    """It goes by another name, or belongs to another group."""
    known = _known(rows, event.organisation_id)
    rows.put(organisations, known._replace(name=event.name, sector=event.sector, parent_id=event.parent_id))
    rows.put(organisation_states, _state(event, event.effective_on))


@places.on(OrganisationDissolved, needs=_organisation_needs)
def organisation_dissolved(rows: Rows, _: Recorded, event: OrganisationDissolved) -> None:
    """It ended; its results stay."""
    known = _known(rows, event.organisation_id)
    rows.put(organisations, known._replace(last_day=event.last_day, successor_id=event.successor_id))


@places.on(HeadcountDeclared, needs=lambda *_: ())
def headcount_declared(rows: Rows, _: Recorded, event: HeadcountDeclared) -> None:
    """The denominator of the days from then on."""
    rows.put(headcounts, HeadcountRow(event.organisation_id, event.valid_from, event.headcount))
