"""All SQL of registry, a function for each statement."""

from __future__ import annotations

from services.registry.store.organisations import (
    Organisation,
    count_organisations,
    organisation,
    organisations,
    save_organisation,
)
from services.registry.store.teams import (
    count_teams,
    end_membership,
    lock_team,
    member,
    members,
    save_member,
    save_team,
    team,
    teams,
)
from services.registry.store.units import (
    count_units,
    editions,
    has_communes,
    lock_editions,
    save_units,
    unit,
    units,
)
from services.registry.store.vault import save_person

__all__ = [
    "Organisation",
    "count_organisations",
    "count_teams",
    "count_units",
    "editions",
    "end_membership",
    "has_communes",
    "lock_editions",
    "lock_team",
    "member",
    "members",
    "organisation",
    "organisations",
    "save_member",
    "save_organisation",
    "save_person",
    "save_team",
    "save_units",
    "team",
    "teams",
    "unit",
    "units",
]
