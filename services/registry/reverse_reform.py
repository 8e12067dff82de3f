"""POST /reforms/{reform_id}/reverse: a reform is taken back by a compensating event. Nothing is overwritten."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import Field, StringConstraints

from services.registry import draft_reversal, reform_events
from services.registry.draft_reform import Asking
from services.registry.draft_reversal import Reversal
from services.registry.preview_reform import ROLES, SCOPE
from services.registry.reform import Choices
from services.registry.reform_checks import must_hold, of_questions
from services.registry.store import reforms, reversals, teams, units
from shared import problems
from shared.auth import Caller
from shared.commands import Decision
from shared.contracts.reform import MoveReason
from shared.db import Conn
from shared.deps import Svc
from shared.http import ID_PATTERN, Answer, Body, Id, allow, router, who

routes = router("reforms")
KEY = problems.pattern(
    r"^[0-9A-Za-z][0-9A-Za-z_-]{0,63}(@\d{4}-\d{2}-\d{2})?$",
    "là mã tổ, khi cần thì kèm «@» và ngày đầu ở nơi đó",
    "is a team's id, where needed with «@» and its first day there",
)


class ReversalChoices(Body):
    """What people decided where a unit of the new map had several predecessors; the preview names the candidates."""

    teams: dict[Annotated[str, StringConstraints(pattern=KEY)], Id] = Field(
        default={}, max_length=10_000, description="Predecessor by team; the keys are those of the preview's questions."
    )
    villages: dict[Id, Id] = Field(
        default={}, max_length=10_000, description="Predecessor by village that was established since."
    )


class ReversalBody(Body):
    """Where teams and villages go that came to the new map since, as far as that is open."""

    choices: ReversalChoices = ReversalChoices()

    def chosen(self) -> Choices:
        """The choices for the rules."""
        return Choices(self.choices.teams, self.choices.villages)


class ReversalAnswer(Answer):
    """What taking a reform back did."""

    reform_id: str
    restored: int = Field(description="Units that are again as they were.")
    removed: int = Field(description="Units that the reform had established.")
    teams: int = Field(description="Teams that are back, and those that came since and got a place of the old map.")
    villages: int = Field(0, description="Villages established since that are now below a unit of the old map.")


@routes.post("/reforms/{reform_id}/reverse", status_code=201, openapi_extra=who(ROLES, SCOPE))
async def reverse_reform(
    service: Svc,
    reform_id: Annotated[str, Path(pattern=ID_PATTERN)],
    caller: Annotated[Caller, allow(*ROLES)],
    body: ReversalBody | None = None,
) -> ReversalAnswer:
    """Takes a reform back as if it had not been. Teams and villages that came since go to the predecessor, by choice
    where there are several. Refused while units of the new map changed since; a second time: the first answer again.
    The same decision may be executed again under another id."""
    choices = body.chosen() if body else Choices()

    async def work(conn: Conn, now: datetime) -> Decision:
        await units.lock_map(conn)
        drafted = await draft_reversal.draft(conn, Asking(caller, service.province), reform_id, choices, lock=True)
        must_hold(of_questions(drafted.villages.questions, drafted.teams.questions))
        return await _save(conn, drafted, now)

    said = {"reform_id": reform_id, **{k: v for k, v in choices._asdict().items() if v}} if any(choices) else reform_id
    ended = await service.commands.execute(
        "reverse_reform", work, by=caller, key=reform_id, body=said, field="reform_id"
    )
    return ReversalAnswer(**ended.answer, pos=ended.pos)


async def _save(conn: Conn, drafted: Reversal, now: datetime) -> Decision:
    done, moves = drafted.done, drafted.teams.moves
    villages = [m.after for m in drafted.villages.moves]
    await units.restore_states(conn, done.reform_id, known_from=now)
    if villages:
        why = f"Rút lại {done.legal_basis.number}"
        await reversals.save_villages(conn, villages, known_from=now, reason=why)
    await teams.save_places(conn, [m.after for m in moves], known_from=now)
    await reforms.mark_reversed(conn, done.reform_id, now)
    again = await units.many_on_day(conn, drafted.restored, done.effective_on)
    restored = [again[unit_id] for unit_id in drafted.restored]
    answer = {
        "reform_id": done.reform_id,
        "restored": len(restored),
        "removed": len(drafted.removed),
        "teams": len({m.after.team_id for m in moves}),
        "villages": len(villages),
    }
    told = reform_events.reversal(done.reform_id, done.effective_on, done.edition_before, restored, drafted.removed)
    back = reform_events.reassigned(moves, done.reform_id, MoveReason.REVERSAL)
    return Decision(answer, [*told, *reform_events.villages_moved(villages, now), *back])
