"""Rules of reforms: what a decision does with the units, and where their villages and teams go. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from shared.contracts.reform import LegalBasis, Part, UnitState


class Predecessor(NamedTuple):
    """A unit of the old map of which something is in a successor."""

    unit_id: str
    part: Part = Part.WHOLE


class Successor(NamedTuple):
    """A unit of the new map. It keeps the id of a unit that it continues, which is then among its predecessors.

    `district_id` and `commune_id` of `unit` are worked out from the parents; what stands there does not count.
    """

    unit: UnitState
    predecessors: tuple[Predecessor, ...]


class ReformPlan(NamedTuple):
    """What a decision says. Units that it does not name go on as they are, below whom they then belong.

    Abolished is whoever is a predecessor or has an heir, and is no successor.
    """

    reform_id: str
    legal_basis: LegalBasis
    effective_on: date
    edition: str | None
    successors: tuple[Successor, ...]
    heirs: Mapping[str, str]
    """Who takes over what is open at an abolished unit: needed where it has no successor, or more than one."""


class Choices(NamedTuple):
    """What people decided where the decision leaves it open."""

    teams: Mapping[str, str] = {}
    """Unit by team."""
    villages: Mapping[str, str] = {}
    """New parent by village (or by any other unit below one that is split)."""
