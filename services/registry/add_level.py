"""POST /levels and POST /kinds: the province names a further level below the commune, or a further kind of unit."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from services.registry.store import levels as store
from services.registry.store import units
from services.registry.unit_levels import UnitKind, UnitLevel, add_kind
from services.registry.unit_levels import add_level as with_level
from shared.auth import Caller, Role
from shared.commands import Decision
from shared.contracts.reform import Level
from shared.db import Conn
from shared.deps import Svc
from shared.http import Answer, Body, Id, Name, allow, router, who

routes = router("units")
ROLES = (Role.PROVINCE_OFFICER, Role.OPERATOR)
SCOPE = "the whole province"
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]


class KindBody(Body):
    """A kind of unit."""

    kind_id: Id = Field(examples=["household_group"])
    word_vi: Word = Field(description="What stands in front of a name.", examples=["Tổ liên gia"])
    word_en: Word = Field(examples=["household group"])

    def kind(self, level_id: str) -> UnitKind:
        """The kind as the rules know it."""
        return UnitKind(self.kind_id, level_id, self.word_vi, self.word_en)


class AddLevel(Body):
    """A level below the commune, with the kinds of units that are at it."""

    level_id: Id = Field(examples=["household_group"])
    rank: int = Field(
        ge=1,
        le=1_000_000,
        description="A unit lies below units of a smaller rank only. The commune has 300, a thôn 400.",
        examples=[500],
    )
    name_vi: Name = Field(examples=["cấp tổ liên gia"])
    name_en: Name = Field(examples=["household group level"])
    kinds: list[KindBody] = Field(min_length=1, max_length=50)


class LevelAnswer(Answer):
    """A level that is there now."""

    level_id: str


class AddKind(KindBody):
    """A further kind of units of a level."""

    level_id: Id = Field(examples=["village"])


class KindAnswer(Answer):
    """A kind that is there now."""

    kind_id: str


@routes.post("/levels", status_code=201, openapi_extra=who(ROLES, SCOPE))
async def add_level(service: Svc, body: AddLevel, caller: Annotated[Caller, allow(*ROLES)]) -> LevelAnswer:
    """Adds a level. It stays, as units name it. The same id and content again: the first answer; other content: 409."""
    caller.must_cover([service.province], field="level_id")
    level = UnitLevel(body.level_id, body.rank, Level.VILLAGE, body.name_vi, body.name_en)
    kinds = [kind.kind(body.level_id) for kind in body.kinds]

    async def work(conn: Conn, _: datetime) -> Decision:
        await units.lock_map(conn)
        with_level(await store.all_levels(conn), level, kinds)
        await store.save_level(conn, level)
        await store.save_kinds(conn, kinds)
        return Decision({"level_id": level.level_id}, [])

    done = await service.commands.execute("add_level", work, by=caller, key=body.level_id, body=body, field="level_id")
    return LevelAnswer(**done.answer, pos=done.pos)


@routes.post("/kinds", status_code=201, openapi_extra=who(ROLES, SCOPE))
async def add_unit_kind(service: Svc, body: AddKind, caller: Annotated[Caller, allow(*ROLES)]) -> KindAnswer:
    """Adds a kind. It stays, as units name it. The same id and content again: the first answer; other content: 409."""
    caller.must_cover([service.province], field="kind_id")
    kind = body.kind(body.level_id)

    async def work(conn: Conn, _: datetime) -> Decision:
        await units.lock_map(conn)
        add_kind(await store.all_levels(conn), kind)
        await store.save_kinds(conn, [kind])
        return Decision({"kind_id": kind.kind_id}, [])

    done = await service.commands.execute("add_kind", work, by=caller, key=body.kind_id, body=body, field="kind_id")
    return KindAnswer(**done.answer, pos=done.pos)
