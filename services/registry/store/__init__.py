"""All SQL of registry, a function for each statement."""

from __future__ import annotations

from services.registry.store.organisations import (
    Organisation,
    count_organisations,
    organisation,
    organisations,
    save_organisation,
)
from services.registry.store.teams import team
from services.registry.store.units import editions, has_communes, unit
from services.registry.store.vault import save_person

__all__ = [
    "Organisation",
    "count_organisations",
    "editions",
    "has_communes",
    "organisation",
    "organisations",
    "save_organisation",
    "save_person",
    "team",
    "unit",
]
