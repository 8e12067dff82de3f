"""Drafts a reform on what the registry holds: the part that the preview and the execution have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import NamedTuple

from services.registry import editions, reform_checks, reform_teams, reform_villages
from services.registry.reform import Choices, Fault, Ground, Prepared, ReformPlan, apply, at_levels
from services.registry.reform_teams import Moves
from services.registry.reform_villages import VillageMoves
from services.registry.store import reform_links, reforms, reversals, teams, units
from services.registry.store.levels import all_levels
from services.registry.unit import Unit
from shared import errors
from shared.auth import Caller, Role
from shared.contracts.reform import Level
from shared.db import Conn

WHOLE_MAP = (Role.PROVINCE_OFFICER, Role.OPERATOR)
"""Who may reorganise any unit; other officers only villages within their own."""


class Draft(NamedTuple):
    """A reform as it would be executed now, and what it still leaves open."""

    prepared: Prepared
    joining: tuple[Unit, ...]
    """Units of another province that the edition takes in and that nobody knows here yet, as they are before."""
    villages: VillageMoves
    """Villages that were established after the effective day."""
    teams: Moves
    names: Mapping[str, str]
    """What the teams at its units are called."""


class Asking(NamedTuple):
    """Who wants the reform, and for which province."""

    caller: Caller
    province: str


async def draft(conn: Conn, asking: Asking, plan: ReformPlan, choices: Choices) -> Draft:
    """The reform on what is known now. Raises 403, or 422 with everything that the decision cannot say."""
    levels = await all_levels(conn)
    plan = at_levels(plan, levels)
    ground, joining = await _ground(conn, asking.province, plan)
    ground = ground._replace(levels=levels)
    may_reorganise(asking, plan, ground.old)
    if plan.edition and not named(plan) <= ground.old.keys():
        editions.must_not_wait(plan.edition, await units.editions(conn))
    reform_checks.must_hold(reform_checks.of_plan(ground, plan))
    prepared = apply(ground, plan, choices)
    since = await reversals.villages_since(conn, prepared.touched, plan.effective_on)
    ids = {v.unit_id for v in since}
    homes = reform_villages.homes_after(prepared, since)
    newer = await reforms.newer_units(conn, prepared.touched | ids, plan.effective_on, but=ids)
    newer += reform_villages.homeless(homes)
    late = {i: chosen for i, chosen in choices.villages.items() if i in ids}
    wrong = [
        *reform_checks.of_map(prepared),
        *reform_checks.of_choices(prepared, choices, but=ids),
        *reform_checks.of_newer(newer, "plan.effective_on"),
        *reform_villages.of_choices(homes, late),
    ]
    reform_checks.must_hold(await with_reforms(conn, wrong))
    known = reform_villages.as_before(homes, await reversals.former_parents(conn, ids)) if ids else {}
    villages = reform_villages.return_villages(homes, known | late)
    parents = {m.after.parent_id for m in villages.moves}
    there = [u for u in prepared.new.values() if u.parent_id in parents]
    reform_checks.must_hold(reform_villages.of_names(villages, there))
    prepared = reform_villages.take_along(prepared, homes, villages)
    places = await teams.teams_at(conn, prepared.concerned | ids, plan.effective_on, or_later=True)
    reform_checks.must_hold(reform_teams.of_choices(prepared, places, choices))
    names = await reforms.team_names(conn, {p.team_id for p in places})
    return Draft(prepared, joining, villages, reform_teams.move_teams(prepared, places, names, choices), names)


async def _ground(conn: Conn, province: str, plan: ReformPlan) -> tuple[Ground, tuple[Unit, ...]]:
    day = plan.effective_on - timedelta(days=1)
    joining = {u.unit_id: u for u in editions.joining(plan.edition)} if plan.edition else {}
    new = {s.unit.unit_id for s in plan.successors}
    known = await reforms.known_units(conn, new | joining.keys())
    old = {u.unit_id: u for u in await units.map_of_day(conn, day, root=province)}
    elsewhere = await units.roots(conn, named(plan) - old.keys(), day)
    for root in sorted(set(elsewhere.values())):  # units of another province may join
        old |= {u.unit_id: u for u in await units.map_of_day(conn, day, root=root)}
    unknown = {i: u for i, u in joining.items() if i not in known}
    return Ground(old | unknown, known & new), tuple(unknown.values())


async def with_reforms(conn: Conn, faults: Iterable[Fault]) -> list[Fault]:
    """The same faults, those that stand in the way each with the reform that brought it, where one did."""
    found = list(faults)
    behind = await reform_links.behind(conn, newer) if (newer := [f.newer for f in found if f.newer]) else {}
    return [f._replace(about=behind.get((f.newer.subject_id, f.newer.since))) if f.newer else f for f in found]


def named(plan: ReformPlan) -> set[str]:
    """The units of the day before that a decision names."""
    return {p.unit_id for s in plan.successors for p in s.predecessors} | plan.heirs.keys()


def may_reorganise(asking: Asking, plan: ReformPlan, old: Mapping[str, Unit]) -> None:
    """Raises 403. Officers of a district or a commune reorganise villages within their own unit and nothing else."""
    caller, province = asking
    if caller.has(*WHOLE_MAP):
        caller.must_cover([province], field="plan")
        return
    ending = [old.get(i) for i in named(plan)]
    levels = {s.unit.level for s in plan.successors} | {u.level for u in ending if u}
    if levels - {Level.VILLAGE}:
        raise errors.forbidden(
            "villages_only",
            "plan",
            "Bạn chỉ được sắp xếp thôn, bản, tổ dân phố trong địa bàn mình.",
            "You may reorganise villages within your own units only.",
        )
    homes = [old.get(i or "") for i in (*(s.unit.parent_id for s in plan.successors), *plan.heirs.values())]
    for unit in (*ending, *homes):
        if unit is not None:  # what is not in force is refused later, whoever asks
            caller.must_cover((province, *unit.path), field="plan")
