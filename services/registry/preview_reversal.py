"""POST /reforms/{reform_id}/reverse/preview: what taking a reform back would do, and what a person has to choose."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, Field

from services.registry import draft_reversal
from services.registry.draft_reform import Asking
from services.registry.draft_reversal import Reversal
from services.registry.preview_reform import (
    ROLES,
    SCOPE,
    MoveLine,
    Named,
    QuestionLine,
    VillageLine,
    move_lines,
    village_lines,
)
from services.registry.reform import Choices
from services.registry.reverse_reform import ReversalBody
from services.registry.store import pages, reforms
from shared.auth import Caller
from shared.contracts.reform import LegalBasis, Level
from shared.db import Conn
from shared.deps import Svc
from shared.http import ID_PATTERN, allow, router, who

routes = router("reforms")


class ReversalPreview(BaseModel):
    """What taking a reform back would do."""

    reform_id: str
    legal_basis: LegalBasis
    effective_on: date
    restored: int = Field(description="Units that are again as they were.")
    removed: int = Field(description="Units that the reform had established.")
    moves: list[MoveLine]
    teams: int = Field(description="Teams that get another place.")
    members: int = Field(description="People on them.")
    villages: list[VillageLine] = Field(description="Villages established since that go along.")
    questions: list[QuestionLine] = Field(description="What has to be chosen; empty: it can be taken back.")


@routes.post("/reforms/{reform_id}/reverse/preview", openapi_extra=who(ROLES, SCOPE))
async def preview_reversal(
    service: Svc,
    reform_id: Annotated[str, Path(pattern=ID_PATTERN)],
    caller: Annotated[Caller, allow(*ROLES)],
    body: ReversalBody | None = None,
) -> ReversalPreview:
    """Says what taking a reform back would do, as things are now. Changes nothing."""
    choices = body.chosen() if body else Choices()
    async with service.pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        drafted = await draft_reversal.draft(conn, Asking(caller, service.province), reform_id, choices)
        return await _shown(conn, drafted)


async def _shown(conn: Conn, drafted: Reversal) -> ReversalPreview:
    done, (moves, questions), villages = drafted.done, drafted.teams, drafted.villages
    asked = (*villages.questions, *questions)
    people = await reforms.count_members(conn, {m.after.team_id for m in moves}, done.effective_on)
    left = {v.before.parent_id or "" for v in villages.moves}
    new = await pages.unit_names(conn, left | {m.ends[0] for m in moves} | {q.unit_id for q in asked})
    stayed = await pages.unit_names(conn, {m.ends[1] for m in moves} - drafted.old.keys())
    old = stayed | {unit_id: unit.name for unit_id, unit in drafted.old.items()}
    return ReversalPreview(
        reform_id=done.reform_id,
        legal_basis=done.legal_basis,
        effective_on=done.effective_on,
        restored=len(drafted.restored),
        removed=len(drafted.removed),
        moves=list(move_lines(moves, people, new, old)),
        teams=len({m.after.team_id for m in moves}),
        members=sum(people.values()),
        villages=village_lines(villages, new, old),
        questions=[
            QuestionLine(
                field=q.field,
                kind=Level.VILLAGE if q.field.startswith("choices.villages.") else None,
                subject_id=q.subject_id,
                name=q.name,
                unit=Named(unit_id=q.unit_id, name=new[q.unit_id]),
                candidates=[Named(unit_id=i, name=old[i]) for i in q.candidates],
                since=q.since,
            )
            for q in asked
        ],
    )
