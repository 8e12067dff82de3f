"""Looking for a name on the pages, by the search of the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from services.registry import search
from services.registry.ranking import Kind
from services.registry.search import Hit
from services.registry.store import units as store
from services.registry.unit import Unit
from services.registry.web.visit import Visit
from shared.errors import Problem
from shared.vietnamese import search_key


async def found_by(visit: Visit, wanted: str, *kinds: Kind) -> Sequence[Hit]:
    """What bears the name on the day, or bore it before: as far as the caller may see. A team's unit is named with its
    district, and not where the team's own name says it."""
    try:
        asked = search.SearchAsked(q=wanted[:100], on=visit.day(), limit=50)
        found = (await search.find(visit.service, visit.caller, asked, kinds)).items
    except (Problem, ValidationError):  # nothing in it to look for
        return ()
    units = await _units(visit, found)
    return [_placed(hit, units) for hit in found]


def where(team_name: str, unit_id: str | None, units: Mapping[str, Unit]) -> str | None:
    """The unit of a team and its district; without the unit where the team is called by it, so that it is said once."""
    unit = units.get(unit_id or "")
    if unit is None:
        return None
    above = units.get(unit.district_id or "")
    district = [above.name] if above and above is not unit else []
    own = f" {search_key(unit.name)} " not in f" {search_key(team_name)} "
    return ", ".join([*([unit.name] if own else []), *district]) or None


async def _units(visit: Visit, found: Sequence[Hit]) -> dict[str, Unit]:
    """The units of teams that were found, and of teams of people, with their districts."""
    of_teams = [hit.unit_id for hit in found if hit.kind is Kind.TEAM]
    ids = {i for i in (*of_teams, *(team.unit_id for hit in found for team in hit.teams)) if i}
    if not ids:
        return {}
    async with visit.service.pool.acquire() as conn:
        units = await store.many_on_day(conn, ids, visit.day())
        above = {u.district_id for u in units.values() if u.district_id} - units.keys()
        return {**units, **await store.many_on_day(conn, above, visit.day())}


def _placed(hit: Hit, units: Mapping[str, Unit]) -> Hit:
    teams = [t.model_copy(update={"unit_name": where(t.name, t.unit_id, units)}) for t in hit.teams]
    if hit.kind is not Kind.TEAM:
        return hit.model_copy(update={"teams": teams})
    return hit.model_copy(update={"unit_name": where(hit.name or "", hit.unit_id, units)})
