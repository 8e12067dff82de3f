"""GET /units/resolve: which unit a paper means by a code or a name, on a day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Annotated, NamedTuple

from fastapi import Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from services.registry.read_lineage import successors_on
from services.registry.read_units import UnitView, must_be_a_level, view
from services.registry.reform_body import CODE
from services.registry.store import units
from services.registry.store.levels import lying_below
from services.registry.unit import Unit
from shared import errors
from shared.auth import ANYONE
from shared.clock import local_day
from shared.db import Conn
from shared.deps import Svc
from shared.errors import Text
from shared.http import Day, Id, router, who
from shared.problem_body import Messages
from shared.vietnamese import bare_key, search_key

routes = router("units")

_NOTHING = PydanticCustomError("code_or_name", "say `code`, `name` or both", {"vi": "cần «code», «name» hoặc cả hai"})


_NO_LETTERS = PydanticCustomError(
    "no_letters", "needs a letter or a digit", {"vi": "cần có ít nhất một chữ cái hoặc chữ số"}
)


def _sayable(name: str) -> str:
    if not search_key(name):
        raise _NO_LETTERS
    return name


class Asked(BaseModel):
    """What a paper says."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)

    code: Annotated[str, StringConstraints(pattern=CODE, min_length=1)] | None = Field(None, examples=["21034"])
    name: Annotated[str, StringConstraints(max_length=100), AfterValidator(_sayable)] | None = Field(
        None, description="With or without its kind, marks or none.", examples=["Xã An Phú"]
    )
    on: Day | None = Field(None, description="The day that the paper speaks of; today unless said.")
    level: Id | None = Field(None, description="As at GET /registry/units.", examples=["commune"])
    within: Id | None = Field(None, description="Only units below this one, at any depth.")

    @model_validator(mode="after")
    def _something(self) -> Asked:
        if self.code is None and self.name is None:
            raise _NOTHING
        return self

    @property
    def key(self) -> str | None:
        """The name as it is looked for."""
        return search_key(self.name) if self.name else None


class Resolved(BaseModel):
    """The unit, or those that it may be."""

    unit: UnitView | None = Field(description="The unit that is meant; null where that cannot be told.")
    candidates: list[UnitView] = Field(description="Where it cannot be told: units of the day to choose from.")
    why: Messages | None = Field(description="Where it cannot be told: why, and what would help.")
    others: list[UnitView] = Field(description="Other units that bear or bore that code or that name, and when.")


class Found(NamedTuple):
    """What the registry knows of a code and a name."""

    fitting: Sequence[Unit]
    """States that bear all that was said, of any day."""
    related: Sequence[Unit]
    """States that bear the code or the name, of any day."""
    roots: dict[str, str]
    """The topmost unit above each that is in force on the day."""


class Meant(NamedTuple):
    """Which unit is meant, or which it may be and why that cannot be told."""

    unit: Unit | None
    candidates: Sequence[Unit] = ()
    why: Text | None = None


@routes.get("/units/resolve", openapi_extra=who(ANYONE, "public"))
async def resolve_unit(service: Svc, asked: Annotated[Asked, Query()]) -> Resolved:
    """The unit that bore a code or a name on a day. Neither identifies a unit over time: both are used again."""
    day = asked.on or local_day(service.clock())
    async with service.pool.acquire() as conn:
        found = await _find(conn, asked, day)
        if not found.related:
            raise _never_heard_of(asked)
        meant = decide(found, day, service.province)
        if meant.unit is None and not meant.candidates:
            meant = await _successors(conn, found, day)
    own = {u.unit_id for u in (meant.unit, *meant.candidates) if u}
    others = [view(u) for u in found.related if u.unit_id not in own]
    return Resolved(
        unit=view(meant.unit) if meant.unit else None,
        candidates=[view(u) for u in meant.candidates],
        why=Messages(**meant.why._asdict()) if meant.why else None,
        others=others,
    )


async def _find(conn: Conn, asked: Asked, day: date) -> Found:
    by_code = await units.held(conn, asked.code, None) if asked.code else []
    by_name = await _named(conn, asked.key) if asked.key else []
    fitting = [u for u in by_code if u in by_name] if asked.code and asked.key else [*by_code, *by_name]
    await must_be_a_level(conn, asked.level)
    fitting = [u for u in fitting if asked.level in (None, u.level, u.level_id)]
    if asked.within is not None:
        fitting = await lying_below(conn, fitting, asked.within)
    related = list(dict.fromkeys([*by_code, *by_name]))
    there = {u.unit_id for u in related if u.holds_on(day)}
    return Found(fitting, related, await units.roots(conn, there, day))


async def _named(conn: Conn, key: str) -> list[Unit]:
    """As it is written; else without the kind, which may be wrong or short («TT Mộ Đức»)."""
    return await units.held(conn, None, key) or await units.held(conn, None, bare_key(key))


def decide(found: Found, day: date, province: str) -> Meant:
    """Which unit of the day is meant. Another province's is meant only where ours has none."""
    there = [u for u in found.fitting if u.holds_on(day)]
    fitting = [u for u in there if found.roots.get(u.unit_id) == province] or there
    if len(fitting) == 1:
        return Meant(fitting[0])
    if fitting:
        return Meant(None, fitting, _ambiguous(fitting, day))
    apart = [u for u in found.related if u.holds_on(day)]
    return Meant(None, apart, _differ(day)) if apart else Meant(None)


async def _successors(conn: Conn, found: Found, day: date) -> Meant:
    """Nobody bears it on the day: who did before, and what became of them by the day, be it under another name."""
    ended = {u.unit_id: u for u in (found.fitting or found.related) if u.valid_to and u.valid_to <= day}
    following = [*(await units.many_on_day(conn, list(ended), day)).values()]
    following += [s for unit_id in ended for s in await successors_on(conn, unit_id, day)]
    why = _ended(ended.values(), day) if ended else _not_yet(found.fitting or found.related, day)
    return Meant(None, list(dict.fromkeys(following)), why)


def _ambiguous(fitting: Sequence[Unit], day: date) -> Text:
    n = len(fitting)
    return Text(
        f"Ngày {day:%d/%m/%Y} có {n} đơn vị như vậy. Hãy thêm mã, tên đầy đủ cả loại (xã, phường …) hoặc «within».",
        f"There are {n} such units on {day}. Add the code, the full name with its kind, or `within`.",
    )


def _differ(day: date) -> Text:
    return Text(
        f"Ngày {day:%d/%m/%Y} không đơn vị nào mang tất cả những điều đã nêu; dưới đây là các đơn vị mang một phần.",
        f"On {day} no unit bears all that was said; these bear some of it.",
    )


def _ended(ended: Iterable[Unit], day: date) -> Text:
    last = max(ended, key=lambda u: u.valid_to or day)
    return Text(
        f"«{last.name}» ({last.code}) có đến trước {last.valid_to:%d/%m/%Y}. Ngày {day:%d/%m/%Y} địa bàn đó thuộc các"
        " đơn vị dưới đây.",
        f"«{last.name}» ({last.code}) was in force until before {last.valid_to}. On {day} its ground belongs to these.",
    )


def _not_yet(later: Sequence[Unit], day: date) -> Text:
    first = min(later, key=lambda u: u.valid_from)
    return Text(
        f"«{first.name}» ({first.code}) chỉ có từ {first.valid_from:%d/%m/%Y}; ngày {day:%d/%m/%Y} chưa có.",
        f"«{first.name}» ({first.code}) is in force from {first.valid_from} only; on {day} it was not yet.",
    )


def _never_heard_of(asked: Asked) -> errors.Problem:
    said = " ".join(s for s in (asked.code, asked.name) if s)
    field = "code" if asked.code else "name"
    return errors.not_found(
        "no_such_unit",
        field,
        f"Không có và chưa từng có đơn vị nào «{said}». Hãy xem lại mã hoặc tên.",
        f"There is no unit «{said}» and never was one. Check the code or the name.",
    )
