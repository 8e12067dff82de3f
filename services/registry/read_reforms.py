"""GET /reforms: what was reorganised, when, by which decision; and what each reform did."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, Field

from services.registry.draft_reversal import no_such_reform
from services.registry.store import reforms
from services.registry.store.reforms import Reform
from shared.auth import OFFICERS, Caller, Role
from shared.contracts.reform import Change, Heir, LegalBasis, Transition, UnitChange
from shared.deps import Svc
from shared.http import ID_PATTERN, After, Limit, Page, allow, router, who

routes = router("reforms")
READERS = (*OFFICERS, Role.OPERATOR)


class ReformView(BaseModel):
    """A reform that was executed."""

    reform_id: str
    legal_basis: LegalBasis
    effective_on: date
    edition: str | None = Field(description="The edition that it brought; null for a reform of one's own.")
    recorded_at: datetime
    reversed_at: datetime | None = Field(description="When it was taken back; null while it holds.")
    established: int
    changed: int
    abolished: int


class MoveView(BaseModel):
    """A team that got another place."""

    team_id: str
    from_unit_id: str
    unit_id: str
    village_id: str | None
    effective_on: date


class ReformDetail(ReformView):
    """A reform with everything that it did."""

    units: list[UnitChange]
    transitions: list[Transition]
    heirs: list[Heir]
    moves: list[MoveView]


@routes.get("/reforms", openapi_extra=who(READERS, "all reforms of the province"))
async def list_reforms(
    service: Svc, _: Annotated[Caller, allow(*READERS)], after: After = None, limit: Limit = 200
) -> Page[ReformView]:
    """Reforms by id, the reversed ones too; what each did with every unit and team is at its own address."""
    async with service.pool.acquire() as conn:
        rows = await reforms.reforms(conn, after=after or "", limit=limit + 1)
        total = await reforms.count_reforms(conn)
    rows, more = rows[:limit], len(rows) > limit
    return Page(items=[ReformView(**r._asdict()) for r in rows], total=total, next=rows[-1].reform_id if more else None)


@routes.get("/reforms/{reform_id}", openapi_extra=who(READERS, "all reforms of the province"))
async def show_reform(
    service: Svc, reform_id: Annotated[str, Path(pattern=ID_PATTERN)], _: Annotated[Caller, allow(*READERS)]
) -> ReformDetail:
    """What a reform did with units and teams."""
    async with service.pool.acquire() as conn:
        done = await reforms.reform(conn, reform_id)
        if done is None:
            raise no_such_reform(reform_id)
        lines = await reforms.transitions(conn, reform_id)
        moves = await reforms.moves(conn, reform_id)
    return ReformDetail(
        **_summary(done),
        units=list(done.changes),
        transitions=lines,
        heirs=list(done.heirs),
        moves=[
            MoveView(
                team_id=after.team_id,
                from_unit_id=before.unit_id,
                unit_id=after.unit_id,
                village_id=after.village_id,
                effective_on=after.valid_from,
            )
            for before, after in moves
        ],
    )


def _summary(done: Reform) -> dict[str, Any]:
    kinds = [c.change for c in done.changes]
    told = {name: getattr(done, name) for name in ReformView.model_fields if name not in set(Change)}
    return {**told, **{str(kind): kinds.count(kind) for kind in Change}}
