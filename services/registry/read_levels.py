"""GET /levels: the levels of the tree from the top down, and the kinds of units at each."""

from __future__ import annotations

from pydantic import BaseModel, Field

from services.registry.store.levels import all_levels
from shared.auth import ANYONE
from shared.deps import Svc
from shared.http import router, who

routes = router("units")


class KindView(BaseModel):
    """A kind of unit."""

    kind_id: str
    word_vi: str = Field(description="What stands in front of a name.")
    word_en: str


class LevelView(BaseModel):
    """A level."""

    level_id: str
    rank: int = Field(description="A unit lies below units of a smaller rank only; any level may be left out.")
    counts_as: str = Field(description="The `level` of its units: below a commune always `village`.")
    name_vi: str
    name_en: str
    kinds: list[KindView]


class LevelsView(BaseModel):
    """All levels, from the top down."""

    items: list[LevelView]


@routes.get("/levels", openapi_extra=who(ANYONE, "public"))
async def list_levels(service: Svc) -> LevelsView:
    """The levels that there are, with their kinds. All of them: there are few."""
    async with service.pool.acquire() as conn:
        found = await all_levels(conn)
    kinds = {
        level.level_id: [
            KindView(kind_id=k.kind_id, word_vi=k.word_vi, word_en=k.word_en)
            for k in found.kinds
            if k.level_id == level.level_id
        ]
        for level in found.levels
    }
    return LevelsView(items=[LevelView(**one._asdict(), kinds=kinds[one.level_id]) for one in found.levels])
