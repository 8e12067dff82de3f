"""An edition is made out of the one before: until that is there, the way to it is shown instead of a preview."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from services.registry.app import SPEC as REGISTRY
from shared.auth import Role
from tests.service.reforms import AFTER
from tests.support.pages import page, text_of
from tests.support.servers import Nats, Postgres
from tests.support.stack import HandClock, nats_config, stack
from tests.support.world import ok, refused

PREVIEW, LIST = "/registry/reforms/preview", "/so/sap-xep"
JULY, JANUARY = "/so/sap-xep/thu/2025-07", "/so/sap-xep/thu/2025-01"


async def test_the_later_edition_leads_to_the_earlier_one_until_that_is_carried_out(
    postgres: Postgres, fresh_nats: Callable[..., Awaitable[Nats]]
) -> None:
    nats = await fresh_nats(nats_config())
    async with stack(REGISTRY, postgres=postgres, nats=nats, clock=HandClock(AFTER)) as running:
        officer = running.client(Role.PROVINCE_OFFICER, Role.OPERATOR, units=["51"])
        for edition in ("2025-01", "2025-07"):
            nothing = await officer.post(PREVIEW, json={"edition": edition})
            assert "«2023»" in refused(nothing, 409, "earlier_edition_first", "edition")["messages"]["vi"]
            assert "«2023»" in await page(officer, f"/so/sap-xep/thu/{edition}", 409)
        await ok(officer.post("/registry/editions/2023"), 201)

        for path in (PREVIEW, "/registry/reforms"):
            said = refused(
                await officer.post(path, json={"edition": "2025-07"}), 409, "earlier_edition_first", "edition"
            )["messages"]
            assert "1279/NQ-UBTVQH15 (bản «2025-01», có hiệu lực từ 01/01/2025)" in said["vi"]
            assert "1279/NQ-UBTVQH15 (edition «2025-01», in force from 2025-01-01)" in said["en"]
        for answer in (await officer.get(JULY), await officer.post(JULY, data={"step": "execute"})):
            assert "Thực hiện 1279/NQ-UBTVQH15 trước" in text_of(answer, 409)
            assert f'href="{JANUARY}"' in answer.text
        assert "Carry out 1279/NQ-UBTVQH15 first" in await page(officer, JULY, 409, lang="en")

        listed = await officer.get(LIST, params={"lang": "vi"})
        assert "Có hiệu lực từ 01/07/2025, thực hiện sau 1279/NQ-UBTVQH15" in text_of(listed)
        assert (f'href="{JANUARY}"' in listed.text, f'href="{JULY}"' in listed.text) == (True, False)
        assert "to be carried out after 1279/NQ-UBTVQH15" in await page(officer, LIST, lang="en")

        await ok(officer.post("/registry/reforms", json={"edition": "2025-01"}), 201)
        assert "Xem thử: từ 01/07/2025" in await page(officer, JULY, lang="vi")
        listed = await officer.get(LIST)
        assert "thực hiện sau" not in text_of(listed)
        assert f'href="{JULY}"' in listed.text
