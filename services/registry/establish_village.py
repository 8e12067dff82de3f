"""POST /villages: a thôn, bản or tổ dân phố becomes a unit, below its commune or below another village."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from services.registry import unit_rules
from services.registry.store import units
from services.registry.store.levels import all_levels
from services.registry.unit import Unit
from services.registry.unit_rules import Around, Village
from shared import errors
from shared.auth import OFFICERS, Caller
from shared.commands import Decision
from shared.db import Conn
from shared.deps import Svc
from shared.http import Answer, Body, Day, Id, Name, allow, router, who

routes = router("units")


class EstablishVillage(Body):
    """A village."""

    village_id: Id = Field(description="Made by the client, so that sending again is harmless.")
    name: Name = Field(examples=["Thôn Phước Thịnh"])
    kind: Id = Field("hamlet", description="A kind of a level below the commune; see GET /registry/levels.")
    parent_id: Id = Field(
        description="Its commune, a district without communes, or a village of a higher level.", examples=["21400"]
    )
    valid_from: Day = Field(description="First day as a unit; on or after the day since which its commune is as it is.")


class VillageAnswer(Answer):
    """An established village."""

    unit_id: str


@routes.post("/villages", status_code=201, openapi_extra=who(OFFICERS, "the commune must lie in the caller's units"))
async def establish_village(
    service: Svc, body: EstablishVillage, caller: Annotated[Caller, allow(*OFFICERS)]
) -> VillageAnswer:
    """Makes a village a unit. The same id and content again: the first answer again; other content: 409."""

    async def work(conn: Conn, now: datetime) -> Decision:
        await units.lock_map(conn)
        parent = await _parent(conn, body)
        caller.must_cover((service.province, *parent.path), field="parent_id")
        return await _save(conn, parent, body, now)

    done = await service.commands.execute(
        "establish_village", work, by=caller, key=body.village_id, body=body, field="village_id"
    )
    return VillageAnswer(**done.answer, pos=done.pos)


async def _parent(conn: Conn, body: EstablishVillage) -> Unit:
    parent = await units.on_day(conn, body.parent_id, body.valid_from)
    if parent is None:
        raise errors.invalid(
            "unknown_unit",
            "parent_id",
            f"Ngày {body.valid_from:%d/%m/%Y} không có đơn vị «{body.parent_id}»."
            f" Xem /registry/units?on={body.valid_from}.",
            f"There is no unit «{body.parent_id}» on {body.valid_from}. See /registry/units?on={body.valid_from}.",
        )
    return parent


async def _save(conn: Conn, parent: Unit, body: EstablishVillage, now: datetime) -> Decision:
    if await units.history(conn, body.village_id):
        raise errors.conflict(
            "id_taken", "village_id", "Mã đơn vị đã được dùng. Hãy tạo mã mới.", "This id is taken. Make a new one."
        )
    village = Village(**body.model_dump(exclude={"parent_id"}))
    around = Around(
        await all_levels(conn),
        parent,
        await units.ever_below(conn, parent.unit_id, body.valid_from),
        await units.has_communes(conn, parent.unit_id, body.valid_from),
    )
    state, event = unit_rules.establish(village, around, now)
    await units.save_states(conn, [state], known_from=now)
    return Decision({"unit_id": state.unit_id}, [event])
