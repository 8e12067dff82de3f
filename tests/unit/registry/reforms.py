"""Small maps and decisions for the tests of reforms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from services.registry.reform import Choices, Ground, Predecessor, Prepared, ReformPlan, Successor, apply
from services.registry.reform_checks import must_hold, of_choices, of_map, of_plan
from services.registry.reform_reversal import Undoing, noted, origins
from services.registry.reform_teams import Move, Moves, move_teams
from services.registry.team import NameSince, Team, TeamHistory, TeamPlace
from services.registry.unit import Unit
from services.registry.unit_levels import STATE, UnitKind, UnitLevel, add_level
from shared.contracts.reform import LegalBasis, Level, Part, UnitState

DAY = date(2025, 7, 1)
SINCE = date(2020, 2, 1)
BASIS = LegalBasis(number="1/NQ", title="Sắp xếp", issued_on=date(2025, 6, 16), issuer="UBTVQH")
PREFIX = {Level.PROVINCE: "Tỉnh", Level.DISTRICT: "Huyện", Level.COMMUNE: "Xã", Level.VILLAGE: "Thôn"}

DEEP_LEVELS = add_level(
    add_level(
        STATE,
        UnitLevel("quarter", 350, Level.VILLAGE, "cấp khu phố", "quarter level"),
        [UnitKind("quarter", "quarter", "Khu phố", "quarter")],
    ),
    UnitLevel("household_group", 500, Level.VILLAGE, "cấp tổ liên gia", "household group level"),
    [UnitKind("household_group", "household_group", "Tổ liên gia", "household group")],
)
"""The levels that every province has, one between commune and village, and one below a village."""


def unit(unit_id: str, level: Level, above: Unit | None = None, *, code: str | None = None) -> Unit:
    """A unit of the old map, its code and its name made from the id."""
    district = unit_id if level is Level.DISTRICT else (above.district_id if above else None)
    commune = unit_id if level is Level.COMMUNE else (above.commune_id if above else None)
    own = "" if level is Level.VILLAGE else unit_id
    name = f"{PREFIX[level]} {unit_id}"
    parent = above.unit_id if above else None
    return Unit(unit_id, own if code is None else code, name, level, level, parent, district, commune, "2023", SINCE)


def state(
    unit_id: str,
    level: Level,
    parent_id: str | None,
    *,
    code: str | None = None,
    name: str | None = None,
    kind: str = "",
) -> UnitState:
    """A unit of the new map."""
    return UnitState(
        unit_id=unit_id,
        code=unit_id if code is None else code,
        name=name or f"{PREFIX[level]} {unit_id}",
        kind=kind or level,
        level=level,
        parent_id=parent_id,
    )


def successor(after: UnitState, *wholes: str, parts: Iterable[str] = ()) -> Successor:
    """A unit of the new map with what it is made of."""
    of_parts = (Predecessor(i, Part.PART) for i in parts)
    return Successor(after, (*(Predecessor(i) for i in wholes), *of_parts))


def plan(*successors: Successor, heirs: Mapping[str, str] | None = None, edition: str | None = None) -> ReformPlan:
    """A decision in force on DAY."""
    return ReformPlan("r1", BASIS, DAY, edition, successors, heirs or {})


def old_map() -> dict[str, Unit]:
    """A province with three districts: 1 (communes 11, 12, 13), 2 (commune 21), and 3, which has none. Villages below
    11 (111, 112), 12 (121) and 3 (301)."""
    province = unit("51", Level.PROVINCE)
    d1, d2, d3 = (unit(i, Level.DISTRICT, province) for i in ("1", "2", "3"))
    c11, c12, c13, c21 = (unit(i, Level.COMMUNE, d2 if i == "21" else d1) for i in ("11", "12", "13", "21"))
    villages = [unit(i, Level.VILLAGE, c) for i, c in (("111", c11), ("112", c11), ("121", c12), ("301", d3))]
    return {u.unit_id: u for u in (province, d1, d2, d3, c11, c12, c13, c21, *villages)}


def ground(old: Mapping[str, Unit] | None = None, *, known: Iterable[str] = ()) -> Ground:
    """What is known before the reform."""
    units = old if old is not None else old_map()
    return Ground(units, {*units, *known})


def prepared(reform: ReformPlan, choices: Choices | None = None, before: Ground | None = None) -> Prepared:
    """The new map; raises what is wrong with the decision."""
    known, chosen = before or ground(), choices or Choices()
    must_hold(of_plan(known, reform))
    result = apply(known, reform, chosen)
    must_hold([*of_map(result), *of_choices(result, chosen)])
    return result


def team(team_id: str, at: Unit, *, village: Unit | None = None, level: Level | None = None) -> TeamPlace:
    """A team at a unit of the old map since 28/7/2023."""
    own = level or (Level.VILLAGE if village else at.level)
    name, village_id = (village.name, village.unit_id) if village else (None, None)
    return TeamPlace(
        team_id, date(2023, 7, 28), None, at.unit_id, own, name, village_id, at.district_id, at.commune_id, "founding"
    )


def undoing(result: Prepared, moves: Iterable[Move] = ()) -> Undoing:
    """The same reform, now to be taken back."""
    reform, lines = result.plan, origins(result.transitions)
    touched = frozenset({*lines, *(c.unit.unit_id for c in result.changes)})
    return Undoing(reform.reform_id, reform.effective_on, lines, result.old, noted(moves), touched)


def history(*places: TeamPlace) -> TeamHistory:
    """A team that has these places one after the other."""
    first, ends = places[0], [*(p.valid_from for p in places[1:]), None]
    team = Team(
        first.team_id, f"Tổ {first.team_id}", first.level, first.unit_id, first.village, first.district_id,
        first.commune_id, "1/QĐ", SINCE, first.valid_from, first.village_id,
    )  # fmt: skip
    there = tuple(p._replace(valid_to=end) for p, end in zip(places, ends, strict=True))
    return TeamHistory(team, there, (NameSince(first.valid_from, team.name),))


def moved(result: Prepared, *places: TeamPlace, choices: Choices | None = None) -> Moves:
    """Where the teams go."""
    return move_teams(result, places, {p.team_id: f"Tổ {p.team_id}" for p in places}, choices or Choices())
