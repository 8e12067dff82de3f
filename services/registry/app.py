"""Registry on one screen: what it can do, what it publishes."""

from __future__ import annotations

from pathlib import Path

from services.registry import (
    change_organisation,
    change_role,
    declare_headcount,
    disband_team,
    dissolve_organisation,
    execute_reform,
    form_team,
    join_team,
    leave_team,
    load_edition,
    load_organisations,
    merge_teams,
    move_member,
    move_team,
    preview_reform,
    read,
    read_organisations,
    read_reforms,
    read_units,
    register_organisation,
    rename_team,
    reverse_reform,
)
from services.registry.web import site
from services.registry.web.visit import HOME
from shared import feed
from shared.contracts import events_of
from shared.service import Spec

SPEC = Spec(
    name="registry",
    title="Registry · Sổ đăng ký",
    summary="Administrative units, organisations, teams and their members.",
    routers=(
        load_edition.routes,
        read_units.routes,
        load_organisations.routes,
        register_organisation.routes,
        change_organisation.routes,
        dissolve_organisation.routes,
        declare_headcount.routes,
        read_organisations.routes,
        form_team.routes,
        rename_team.routes,
        move_team.routes,
        merge_teams.routes,
        disband_team.routes,
        join_team.routes,
        move_member.routes,
        change_role.routes,
        leave_team.routes,
        read.routes,
        preview_reform.routes,
        execute_reform.routes,
        reverse_reform.routes,
        read_reforms.routes,
        feed.routes,
    ),
    pages=site.routes,
    pages_at=HOME,
    migrations=Path(__file__).parent / "migrations",
    publishes=events_of("registry"),
)
