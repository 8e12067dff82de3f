"""Reporting on one screen: which questions it answers, to whom, and what it follows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from services.reporting import api, live, page
from services.reporting.api_shapes import OverviewAsked
from services.reporting.projections import PROJECTIONS
from shared.channels import Question
from shared.deps import wait_for
from shared.service import Service, Spec


async def _overview(service: Service, asked: OverviewAsked) -> dict[str, Any]:
    """`q.<province>.reporting.overview`: the same answer as `GET /reporting/overview`."""
    if asked.min_pos:
        await wait_for(service, asked.min_pos)
    return dict(await api.overview_of(service, asked))


SPEC = Spec(
    name="reporting",
    title="Reporting · Báo cáo",
    summary="Province-wide read models of teams, members, citizens, topics, days and courses.",
    routers=(api.routes, live.routes),
    migrations=Path(__file__).parent / "migrations",
    projections=PROJECTIONS,
    questions={"overview": Question(OverviewAsked, _overview)},
    pages=page.routes,
    say_on_pages=page.refuse,
    on_start=live.start,
)
