"""All SQL of registry, a function for each statement."""

from __future__ import annotations

from services.registry.store.organisations import organisation
from services.registry.store.teams import team
from services.registry.store.units import editions, has_communes, unit
from services.registry.store.vault import save_person

__all__ = [
    "editions",
    "has_communes",
    "organisation",
    "save_person",
    "team",
    "unit",
]
