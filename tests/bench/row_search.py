"""The row `search`: how long an officer waits for names that are typed and lists that are opened, on 100,000 people."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import NamedTuple

from joserfc.jwk import ECKey, KeySet
from pydantic import SecretStr

from services.registry.app import SPEC as REGISTRY
from services.registry.read_members import MembersAsked, members_page
from services.registry.search import SearchAsked, find
from shared import db
from shared.auth import Caller, Role
from shared.service import Service
from shared.settings import Settings
from tests.bench.ground import Ground
from tests.bench.roll import DISTRICT, fill
from tests.bench.row_http import percentile
from tests.bench.row_streams import Sizes, Streams
from tests.bench.table import Line

NOW = datetime(2023, 9, 1, 1, tzinfo=UTC)
PROVINCE_OFFICER = Caller("p", frozenset([Role.PROVINCE_OFFICER]), ("51",))
DISTRICT_OFFICER = Caller("d", frozenset([Role.DISTRICT_OFFICER]), (DISTRICT,))
TYPED = (
    "n", "an", "nguyen", "Nguyễn", "nguyen van", "Nguyễn Văn Hùng", "thi", "van thi", "tran thi thu ha", "dinh ho",
    "to cong nghe so", "to cong nghe so cong dong 77", "mo duc", "xã Đức Nhuận", "huyen ba to", "le qui", "zzzz",
    "nguyenn vann", "nguyn thij", "ngyen vna hung", "tran thj hoa", "thhi nguyenn", "pham vawn dung", "ba tow",
    "cong nge so",
)  # fmt: skip
"""What people type: single letters, the commonest words of all, whole names, and each with slips."""


class Question(NamedTuple):
    """Something that somebody waits for."""

    name: str
    ask: Callable[[Service], Awaitable[object]]


def questions() -> list[Question]:
    """The fixed set: each typed text by an officer of the province and by one of a district, each list, later pages."""
    found: list[Question] = []
    for caller in (PROVINCE_OFFICER, DISTRICT_OFFICER):
        who = "province" if caller is PROVINCE_OFFICER else "district"
        found += [_typed(f"{who}: {q}", caller, q=q) for q in TYPED]
        found += [_listed(f"{who}: members by {sort}", caller, sort=sort) for sort in ("name", "team", "joined")]
        found += [_listed(f"{who}: leaders by {sort}", caller, sort=sort, role="leader") for sort in ("name", "joined")]
        found += [_later(f"{who}: page 3 of members by {sort}", caller, sort) for sort in ("name", "team", "joined")]
    found += [_typed(f"within: {q}", PROVINCE_OFFICER, q=q, within=DISTRICT) for q in ("nguyen van", "nguyenn vann")]
    found.append(_listed("within: members by joined", PROVINCE_OFFICER, sort="joined", within=DISTRICT))
    return found


def _typed(name: str, caller: Caller, **asked: object) -> Question:
    wanted = SearchAsked.model_validate(asked)
    return Question(name, lambda service: find(service, caller, wanted))


def _listed(name: str, caller: Caller, **asked: object) -> Question:
    wanted = MembersAsked.model_validate(asked)
    return Question(name, lambda service: members_page(service, caller, wanted))


def _later(name: str, caller: Caller, sort: str) -> Question:
    """The third page: what was seen before is asked for once, before the clock runs."""
    cursors: list[str | None] = []

    async def ask(service: Service) -> object:
        while len(cursors) < 2:
            wanted = MembersAsked.model_validate({"sort": sort, "after": cursors[-1] if cursors else None})
            cursors.append((await members_page(service, caller, wanted)).next)
        return await members_page(service, caller, MembersAsked.model_validate({"sort": sort, "after": cursors[-1]}))

    return Question(name, ask)


async def search(ground: Ground, _: Streams, sizes: Sizes, runs: int) -> list[Line]:
    """Every question in turn, one at a time, over and over; the wall time of each, with its records of the vault."""
    dsn = await ground.database(*REGISTRY.folders)
    await fill(dsn, sizes.people)
    service = Service(REGISTRY, Settings(database_url=SecretStr(dsn)), keys=KeySet([ECKey.generate_key()]), clock=_now)
    service.pool = await db.open_pool(dsn)
    try:
        await _once(service)
        taken = [await _run(service, sizes.asked) for _run_number in range(runs)]
    finally:
        await service.pool.close()
        await ground.drop(dsn)
    p99 = [percentile([ms for _, ms in run], 99) for run in taken]
    everything = [ms for run in taken for _, ms in run]
    worst, slowest = max((p, name) for name, p in _medians([pair for run in taken for pair in run]).items())
    return [
        Line(
            "search", f"search and lists of people, {sizes.people:,} of them", "p99 of a fixed set of questions",
            "≤", 50, "ms", p99,
            f"p50 {percentile(everything, 50):.1f} ms; slowest question «{slowest}», p50 {worst:.1f} ms",
        )
    ]  # fmt: skip


async def _once(service: Service) -> None:
    """Fills the caches of Postgres and the pool, as in a campaign."""
    for question in questions():
        await question.ask(service)


async def _run(service: Service, times: int) -> list[tuple[str, float]]:
    asked, taken = questions(), []
    for question in asked:
        await question.ask(service)  # finds its later page
    for _ in range(times):
        for question in asked:
            begun = time.perf_counter()
            await question.ask(service)
            taken.append((question.name, 1000 * (time.perf_counter() - begun)))
            await asyncio.sleep(0)
    return taken


def _medians(taken: list[tuple[str, float]]) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for name, ms in taken:
        found.setdefault(name, []).append(ms)
    return {name: percentile(each, 50) for name, each in found.items()}


def _now() -> datetime:
    return NOW
