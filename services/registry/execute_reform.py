"""POST /reforms: a reform takes effect. Units, lineage, teams and events in one transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from services.registry import reform_events
from services.registry.draft_reform import Asking, Draft, draft
from services.registry.preview_reform import ROLES, SCOPE
from services.registry.reform import ReformPlan
from services.registry.reform_body import ReformBody
from services.registry.reform_checks import must_hold, of_questions
from services.registry.store import reforms, reversals, teams, units
from services.registry.unit import Unit
from shared import errors, faults
from shared.auth import Caller
from shared.clock import local_day, start_of_day
from shared.commands import Decision
from shared.contracts import Event
from shared.contracts.reform import Change, MoveReason
from shared.contracts.registry import UnitEstablished
from shared.db import Conn
from shared.deps import Svc
from shared.http import Answer, allow, router, who

routes = router("reforms")


class ReformAnswer(Answer):
    """What a reform did."""

    reform_id: str
    established: int = Field(description="New units.")
    changed: int = Field(description="Units that go on with another name, code, level or place.")
    abolished: int
    teams: int = Field(description="Teams that got another place.")
    villages: int = Field(0, description="Villages established after the effective day that went along.")


@routes.post("/reforms", status_code=201, openapi_extra=who(ROLES, SCOPE))
async def execute_reform(service: Svc, body: ReformBody, caller: Annotated[Caller, allow(*ROLES)]) -> ReformAnswer:
    """Executes a reform, on its effective day or later. The same id and content again: the first answer again."""
    plan = body.asked()
    asking = Asking(caller, service.province)

    async def work(conn: Conn, now: datetime) -> Decision:
        await units.lock_map(conn)
        drafted = await draft(conn, asking, plan, body.chosen())
        must_be_executable(plan, now)
        must_hold(of_questions(drafted.prepared.questions, drafted.teams.questions))
        return await _save(conn, drafted, now)

    field = "plan.reform_id" if body.plan else "reform_id"
    done = await service.commands.execute("execute_reform", work, by=caller, key=plan.reform_id, body=body, field=field)
    return ReformAnswer(**done.answer, pos=done.pos)


def must_be_executable(plan: ReformPlan, now: datetime) -> None:
    """Raises 422 before the effective day: until then, what is true today would be lost to those who ask."""
    if plan.effective_on > local_day(now):
        raise errors.invalid(
            "in_the_future",
            "plan.effective_on",
            f"Chỉ thực hiện được từ ngày có hiệu lực {plan.effective_on:%d/%m/%Y}; trước đó hãy xem thử.",
            f"It can be executed from its effective day {plan.effective_on} on; until then, preview it.",
        )


async def _save(conn: Conn, drafted: Draft, now: datetime) -> Decision:
    prepared, moves = drafted.prepared, drafted.teams.moves
    plan = prepared.plan
    await units.save_states(conn, drafted.joining, known_from=now)
    await units.end_states(
        conn, sorted(prepared.touched), on=plan.effective_on, known_from=now, reform_id=plan.reform_id
    )
    await units.save_states(conn, _states(drafted), known_from=now)
    villages = [m.after for m in drafted.villages.moves]
    if villages:
        why = f"Sắp xếp theo {plan.legal_basis.number}"
        await reversals.save_villages(conn, villages, known_from=now, reason=why)
    faults.point("reform.between_units_and_teams")
    await teams.save_places(conn, [m.after for m in moves], known_from=now)
    before = (
        (await reforms.last_edition(conn) or min(await units.editions(conn), default=None)) if plan.edition else None
    )
    record = reforms.Reform(
        plan.reform_id, plan.effective_on, plan.edition, before, plan.legal_basis, prepared.changes, prepared.heirs, now
    )
    await reforms.save_reform(conn, record, prepared.transitions, moves)
    return Decision(_answer(drafted), _events(drafted, now))


def _states(drafted: Draft) -> list[Unit]:
    """The states that begin on the effective day."""
    plan = drafted.prepared.plan
    return [
        Unit(
            **change.unit.model_dump(),
            edition=plan.edition or "",
            valid_from=plan.effective_on,
            reform_id=plan.reform_id,
        )
        for change in drafted.prepared.changes
        if change.change is not Change.ABOLISHED
    ]


def _answer(drafted: Draft) -> dict[str, object]:
    kinds = [c.change for c in drafted.prepared.changes]
    return {
        "reform_id": drafted.prepared.plan.reform_id,
        **{str(kind): kinds.count(kind) for kind in Change},
        "teams": len({m.after.team_id for m in drafted.teams.moves}),
        "villages": len(drafted.villages.moves),
    }


def _events(drafted: Draft, now: datetime) -> list[Event]:
    """Units that join are told first, then the reform, the villages that go along, then each team."""
    plan = drafted.prepared.plan
    joining = [UnitEstablished(occurred_at=start_of_day(u.valid_from), **u._asdict()) for u in drafted.joining]
    moved = reform_events.reassigned(drafted.teams.moves, plan.reform_id, MoveReason.REFORM)
    along = reform_events.villages_moved((m.after for m in drafted.villages.moves), now)
    return [*joining, *reform_events.reorganised(drafted.prepared), *along, *moved]
