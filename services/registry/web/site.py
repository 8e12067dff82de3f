"""All pages of registry, as one router."""

from services.registry.web import units
from services.registry.web.visit import page_router

routes = page_router()
routes.include_router(units.routes)
