"""POST /units/{unit_id}/corrections: what was said of a unit was wrong. What was known until then stays on record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from services.registry import unit_rules
from services.registry.reform_body import CODE
from services.registry.store import lineage, units
from services.registry.store.levels import all_levels
from services.registry.unit import Unit
from services.registry.unit_rules import Above, Correction, Facts
from shared import errors
from shared.auth import OFFICERS, Caller, Role
from shared.commands import Decision
from shared.contracts.reform import Level
from shared.db import Conn
from shared.deps import Svc
from shared.http import ID_PATTERN, Answer, Body, Day, Id, IdempotencyKey, Name, allow, router, who

routes = router("units")
ROLES = (*OFFICERS, Role.OPERATOR)
SCOPE = "villages: officers of the unit above; other units: the province"

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500)]
_NOTHING = PydanticCustomError(
    "nothing_said",
    "say `code`, `name`, `kind` or `parent_id`",
    {"vi": "cần ít nhất một trong: code, name, kind, parent_id"},
)


class CorrectUnit(Body):
    """What should have been said. What was right then and is another today is not corrected but changed by a reform."""

    since: Day = Field(description="First day of the state that is wrong.")
    reason: Reason = Field(
        description="Why it was wrong, for officers who look at the unit's history; name nobody. It is told to no other"
        " service.",
        examples=["Gõ nhầm tên xã"],
    )
    code: Annotated[str, StringConstraints(pattern=CODE)] | None = None
    name: Name | None = Field(None, description="The full name, with its kind in front.")
    kind: Id | None = Field(None, description="A kind of the same level; see GET /registry/levels.")
    parent_id: Id | None = Field(None, description="The unit above. What lies below does not come along.")

    @model_validator(mode="after")
    def _something(self) -> CorrectUnit:
        if self.code is self.name is self.kind is self.parent_id is None:
            raise _NOTHING
        return self


class CorrectionAnswer(Answer):
    """A corrected unit."""

    unit_id: str
    since: str


@routes.post("/units/{unit_id}/corrections", status_code=201, openapi_extra=who(ROLES, SCOPE))
async def correct_unit(
    service: Svc,
    unit_id: Annotated[str, Path(pattern=ID_PATTERN)],
    body: CorrectUnit,
    caller: Annotated[Caller, allow(*ROLES)],
    idempotency_key: IdempotencyKey = None,
) -> CorrectionAnswer:
    """Corrects a state of a unit. Asking with `known` before this moment still shows what was said then."""

    async def work(conn: Conn, now: datetime) -> Decision:
        await units.lock_map(conn)
        states = await units.states(conn, unit_id)
        _may_correct(caller, service.province, unit_id, states)
        bearers = await units.held(conn, body.code, None) if body.code else []
        above = await _above(conn, caller, service.province, states, body) if body.parent_id else None
        wish = Correction(**body.model_dump(exclude={"reason"}))
        facts = Facts(await all_levels(conn), states, bearers, above)
        right, event = unit_rules.correct(facts, wish, now)
        await units.replace_state(conn, right, known_from=now, reason=body.reason)
        return Decision({"unit_id": unit_id, "since": str(right.valid_from)}, [event])

    content = {"unit": unit_id, **body.model_dump()}
    done = await service.commands.execute("correct_unit", work, by=caller, key=idempotency_key, body=content)
    return CorrectionAnswer(**done.answer, pos=done.pos)


def _may_correct(caller: Caller, province: str, unit_id: str, states: list[Unit]) -> None:
    if not states:
        raise errors.not_found(
            "no_such_unit", "unit_id", f"Không có đơn vị «{unit_id}».", f"There is no unit «{unit_id}»."
        )
    path = states[-1].path if states[-1].level is Level.VILLAGE else ()
    caller.must_cover((province, *path), field="unit_id")


async def _above(conn: Conn, caller: Caller, province: str, states: Sequence[Unit], body: CorrectUnit) -> Above:
    """What there is to know of the parent that is named. Raises 403 where a village would come into others' units."""
    assert body.parent_id is not None, "it is asked for the parent that is named"
    parents = await units.states(conn, body.parent_id)
    if not parents:
        raise errors.not_found(
            "no_such_unit", "parent_id", f"Không có đơn vị «{body.parent_id}».", f"There is no unit «{body.parent_id}»."
        )
    village = states[-1].level is Level.VILLAGE
    caller.must_cover((province, *parents[-1].path) if village else (province,), field="parent_id")
    wrong = next((s for s in states if s.valid_from == body.since), states[-1])
    has_communes = await units.has_communes(conn, body.parent_id, wrong.valid_from)
    return Above(parents, has_communes, await lineage.dependents(conn, wrong))
