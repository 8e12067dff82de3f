"""All pages of registry, as one router."""

from services.registry.web import imports, member_forms, reforms, team_forms, team_list, team_page, units
from services.registry.web.visit import page_router

routes = page_router()
for part in (units, team_list, team_forms, member_forms, team_page, reforms, imports):
    routes.include_router(part.routes)
