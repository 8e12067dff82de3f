"""Looking for a name on the pages, by the search of the API."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from services.registry import search
from services.registry.ranking import Kind
from services.registry.web.visit import Visit
from shared.errors import Problem


async def found_by(visit: Visit, wanted: str, *kinds: Kind) -> Sequence[search.Hit]:
    """What bears the name on the day, or bore it before: as far as the caller may see."""
    try:
        asked = search.SearchAsked(q=wanted[:100], on=visit.day(), limit=50)
        return (await search.find(visit.service, visit.caller, asked, kinds)).items
    except (Problem, ValidationError):  # nothing in it to look for
        return ()
