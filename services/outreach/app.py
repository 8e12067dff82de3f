"""Outreach on one screen: what it can do, what it publishes, what it follows."""

from __future__ import annotations

from pathlib import Path

from services.outreach import launch_campaign, read, record_guidances, withdraw_guidance
from services.outreach.on_registry import roster
from shared import feed
from shared.contracts import events_of
from shared.pseudonym import pseudonym
from shared.service import Service, Spec


async def check_key(service: Service) -> None:
    """Refuses to start without the key that turns citizens into hashes; better now than at the first guidance."""
    pseudonym(service.settings.citizen_key.get_secret_value(), "citizen", "")


SPEC = Spec(
    name="outreach",
    title="Outreach · Hướng dẫn người dân",
    summary="Campaigns, and who guided which citizen in what, when, where.",
    routers=(
        launch_campaign.routes,
        record_guidances.routes,
        withdraw_guidance.routes,
        read.routes,
        feed.routes,
    ),
    migrations=Path(__file__).parent / "migrations",
    publishes=events_of("outreach"),
    projections=(roster,),
    on_start=check_key,
)
