"""All pages of registry, as one router."""

from services.registry.web import (
    audit,
    contacts,
    desk,
    imports,
    known_person,
    member_forms,
    merge_forms,
    own_reform,
    people,
    reforms,
    requests,
    reversal,
    team_forms,
    team_list,
    team_page,
    units,
)
from services.registry.web.visit import page_router

routes = page_router()
for part in (
    desk,
    units,
    team_list,
    team_forms,
    merge_forms,
    known_person,
    member_forms,
    team_page,
    own_reform,
    reforms,
    reversal,
    imports,
    people,
    requests,
    contacts,
    audit,
):
    routes.include_router(part.routes)
