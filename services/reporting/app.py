"""Reporting on one screen: which questions it answers, to whom, and what it follows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from services.reporting import answers, api, live, page
from services.reporting.projections import PROJECTIONS
from shared.service import Service, Spec


async def _overview(service: Service, _: dict[str, Any]) -> dict[str, Any]:
    """`q.<province>.reporting.overview`: the same answer as `GET /reporting/overview`."""
    async with answers.snapshot(service) as conn:
        return dict(await answers.overview(service, conn))


SPEC = Spec(
    name="reporting",
    title="Reporting · Báo cáo",
    summary="Province-wide read models of teams, members, citizens, topics, days and courses.",
    routers=(api.routes, live.routes),
    migrations=Path(__file__).parent / "migrations",
    projections=PROJECTIONS,
    questions={"overview": _overview},
    pages=page.routes,
    say_on_pages=page.refuse,
    on_start=live.start,
)
