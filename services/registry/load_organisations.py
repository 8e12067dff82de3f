"""POST /plans/{plan}/organisations: the groups that a plan names, and the organisations that it names below them."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path
from typing import Annotated

from fastapi import Path as PathParameter
from pydantic import Field

from services.registry import organisation
from services.registry.organisation import Registration
from services.registry.register_organisation import ROLES
from services.registry.store import organisations
from shared import errors
from shared.auth import Caller
from shared.commands import Decision
from shared.contracts.registry import OrganisationRegistered
from shared.db import Conn
from shared.deps import Svc
from shared.http import ID_PATTERN, Answer, IdempotencyKey, allow, router, who

routes = router("organisations")
PLANS = {"2023": Path(__file__).parent / "data" / "organisations.csv"}
"""The plans that are bundled: the one of the launch on 28/7/2023."""


class OrganisationsLoaded(Answer):
    """What loading did."""

    plan: str
    registered: int = Field(description="Organisations registered now; those that were there before are left alone.")


def read(plan: str) -> list[Registration]:
    """The organisations of a plan, each after the one that it stands below. Raises 404 for an unknown plan."""
    if plan not in PLANS:
        raise errors.not_found(
            "no_such_plan",
            "plan",
            f"Không có kế hoạch «{plan}». Có: {', '.join(PLANS)}.",
            f"There is no plan «{plan}». There are: {', '.join(PLANS)}.",
        )
    with PLANS[plan].open(encoding="utf-8", newline="") as rows:
        return [
            Registration(
                row["organisation_id"], row["name"], row["sector"],
                int(row["headcount"]) if row["headcount"] else None, row["parent_id"] or None, None,
            )
            for row in csv.DictReader(rows)
        ]  # fmt: skip


@routes.post("/plans/{plan}/organisations", status_code=201, openapi_extra=who(ROLES, "the whole province"))
async def load_organisations(
    service: Svc,
    plan: Annotated[str, PathParameter(pattern=ID_PATTERN, examples=["2023"])],
    caller: Annotated[Caller, allow(*ROLES)],
    idempotency_key: IdempotencyKey = None,
) -> OrganisationsLoaded:
    """Registers what a plan names. Loading it again changes nothing and answers with `registered: 0`."""
    caller.must_cover([service.province], field="plan")
    wishes = read(plan)

    async def work(conn: Conn, now: datetime) -> Decision:
        await organisations.lock_tree(conn)
        tree = dict(await organisations.tree(conn))
        events: list[OrganisationRegistered] = []
        for wish in wishes:
            if wish.organisation_id not in tree:
                state, event = organisation.register(tree, wish, now)
                await organisations.save_organisation(conn, state, wish.headcount)
                tree[wish.organisation_id] = [state]
                events.append(event)
        return Decision({"plan": plan, "registered": len(events)}, events)

    done = await service.commands.execute(
        "load_organisations", work, by=caller, key=idempotency_key, body={"plan": plan}
    )
    return OrganisationsLoaded(**done.answer, pos=done.pos)
