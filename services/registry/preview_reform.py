"""POST /reforms/preview: what a reform would do, and what a person has to choose before. Changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Annotated

from pydantic import BaseModel, Field

from services.registry.draft_reform import Asking, Draft, draft
from services.registry.reform import Question
from services.registry.reform_body import ReformBody
from services.registry.reform_teams import Move
from services.registry.reform_villages import VillageMoves
from services.registry.store import reforms
from shared.auth import OFFICERS, Caller, Role
from shared.contracts.reform import Change, How, LegalBasis, Level, Part, UnitState
from shared.deps import Svc
from shared.http import allow, router, who

routes = router("reforms")
ROLES = (*OFFICERS, Role.OPERATOR)
SCOPE = "province officers and operators: everything; others: villages within the caller's units"


class Named(BaseModel):
    """A unit by id and name."""

    unit_id: str
    name: str


class UnitLine(BaseModel):
    """What becomes of a unit."""

    change: Change
    unit: UnitState = Field(description="From the effective day on; of an abolished unit, as it was at last.")
    before: UnitState | None = Field(description="On the day before; null for an established unit.")
    parent: str | None = Field(description="Name of the unit above it.")


class TransitionLine(BaseModel):
    """Something of the predecessor is in the successor."""

    predecessor: Named
    successor: Named
    part: Part
    how: How


class HeirLine(BaseModel):
    """Who takes over what is open at an abolished unit."""

    unit: Named
    successor: Named


class MoveLine(BaseModel):
    """Teams that come from one unit to another, within a unit from one village to another, or stay while what is above
    them changes."""

    origin: Named
    target: Named
    teams: int
    members: int = Field(description="People on these teams on the effective day or later.")
    team_ids: list[str]


class VillageLine(BaseModel):
    """A village that was established after the day of the reform, and the unit below which it will have been."""

    village: Named
    origin: Named
    target: Named


class QuestionLine(BaseModel):
    """Something that the decision leaves open. The answer goes to `field`."""

    field: str
    kind: Level | None = Field(description="Level of the unit that has to be sent somewhere; null for a team.")
    subject_id: str
    name: str
    unit: Named = Field(description="Where it is on the day before; where a reform is taken back: after it.")
    candidates: list[Named]
    since: date | None = Field(None, description="First day of the place, where a reform is taken back.")


class Preview(BaseModel):
    """What a reform would do."""

    reform_id: str
    legal_basis: LegalBasis
    effective_on: date
    edition: str | None
    units: list[UnitLine]
    transitions: list[TransitionLine]
    heirs: list[HeirLine]
    moves: list[MoveLine]
    teams: int = Field(description="Teams that get another place.")
    members: int = Field(description="People on them.")
    villages: list[VillageLine] = Field(default=[], description="Villages established after the day that go along.")
    questions: list[QuestionLine] = Field(description="What has to be chosen; empty: it can be executed.")


@routes.post("/reforms/preview", openapi_extra=who(ROLES, SCOPE))
async def preview_reform(service: Svc, body: ReformBody, caller: Annotated[Caller, allow(*ROLES)]) -> Preview:
    """Says what a reform would do to units, teams and members, as things are now. Changes nothing."""
    plan = body.asked()
    async with service.pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        drafted = await draft(conn, Asking(caller, service.province), plan, body.chosen())
        team_ids = {m.after.team_id for m in drafted.teams.moves}
        people = await reforms.count_members(conn, team_ids, plan.effective_on)
    return shown(drafted, people)


def shown(drafted: Draft, people: Mapping[str, int]) -> Preview:
    """A draft for readers; `people` on each team."""
    prepared, plan = drafted.prepared, drafted.prepared.plan
    old, new = [{i: u.name for i, u in units.items()} for units in (prepared.old, prepared.new)]
    names = old | new
    moves = list(move_lines(drafted.teams.moves, people, old, new))
    return Preview(
        reform_id=plan.reform_id,
        legal_basis=plan.legal_basis,
        effective_on=plan.effective_on,
        edition=plan.edition,
        units=list(_units(drafted)),
        transitions=[
            TransitionLine(
                predecessor=Named(unit_id=t.predecessor_id, name=prepared.old[t.predecessor_id].name),
                successor=Named(unit_id=t.successor_id, name=prepared.new[t.successor_id].name),
                part=t.part,
                how=t.how,
            )
            for t in prepared.transitions
        ],
        heirs=[
            HeirLine(unit=_named(h.unit_id, names), successor=_named(h.successor_id, names)) for h in prepared.heirs
        ],
        moves=moves,
        teams=len({m.after.team_id for m in drafted.teams.moves}),
        members=sum(people.values()),
        villages=village_lines(drafted.villages, names, names),
        questions=[_question(q, drafted, names) for q in (*prepared.questions, *drafted.teams.questions)],
    )


def _units(drafted: Draft) -> Iterator[UnitLine]:
    old, new = drafted.prepared.old, drafted.prepared.new
    for change in drafted.prepared.changes:
        above = change.unit.parent_id or ""
        known = (old if change.change is Change.ABOLISHED else new).get(above)
        before = old.get(change.unit.unit_id)
        yield UnitLine(
            change=change.change,
            unit=change.unit,
            before=UnitState(**{f: getattr(before, f) for f in UnitState.model_fields}) if before else None,
            parent=known.name if known else None,
        )


def move_lines(
    made: Iterable[Move], people: Mapping[str, int], old: Mapping[str, str], new: Mapping[str, str]
) -> Iterator[MoveLine]:
    """By where teams come from and where they go, each named in its own map; of a team with later places, the first one
    counts."""
    moves = {m.after.team_id: m for m in reversed(list(made))}.values()
    pairs: dict[tuple[str, str], list[str]] = {}
    for move in sorted(moves, key=lambda m: (m.ends, m.after.team_id)):
        pairs.setdefault(move.ends, []).append(move.after.team_id)
    for (origin, target), team_ids in pairs.items():
        yield MoveLine(
            origin=Named(unit_id=origin, name=old[origin]),
            target=Named(unit_id=target, name=new[target]),
            teams=len(team_ids),
            members=sum(Counter(people)[i] for i in team_ids),
            team_ids=team_ids,
        )


def village_lines(villages: VillageMoves, left: Mapping[str, str], taken: Mapping[str, str]) -> list[VillageLine]:
    """Each with the names of the units that it leaves and that take it."""
    return [
        VillageLine(
            village=Named(unit_id=after.unit_id, name=after.name),
            origin=Named(unit_id=before.parent_id or "", name=left[before.parent_id or ""]),
            target=Named(unit_id=after.parent_id or "", name=taken[after.parent_id or ""]),
        )
        for before, after in villages.moves
    ]


def _question(asked: Question, drafted: Draft, names: Mapping[str, str]) -> QuestionLine:
    old, new = drafted.prepared.old, drafted.prepared.new
    village = asked.field.startswith("choices.villages.")
    unit = (old.get(asked.subject_id) or new[asked.subject_id]) if village else None
    return QuestionLine(
        field=asked.field,
        kind=unit.level if unit else None,
        subject_id=asked.subject_id,
        name=asked.name,
        unit=_named(asked.unit_id, names),
        candidates=[_named(i, names) for i in asked.candidates],
    )


def _named(unit_id: str, names: Mapping[str, str]) -> Named:
    return Named(unit_id=unit_id, name=names[unit_id])
