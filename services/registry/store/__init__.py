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
from services.registry.store.units import editions, has_communes, unit
from services.registry.store.vault import save_person

__all__ = [
    "Organisation",
    "count_organisations",
    "count_teams",
    "editions",
    "end_membership",
    "has_communes",
    "lock_team",
    "member",
    "members",
    "organisation",
    "organisations",
    "save_member",
    "save_organisation",
    "save_person",
    "save_team",
    "team",
    "teams",
    "unit",
]
