"""Names, phones and identity numbers go in; none of them comes out in an event, a header, a log line or a metric."""

from __future__ import annotations

import io
import logging
import re
import unicodedata
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime

import pytest

from services.courses.app import SPEC as COURSES
from services.outreach.app import SPEC as OUTREACH
from services.registry.app import SPEC as REGISTRY
from services.reporting.app import SPEC as REPORTING
from shared import telemetry
from shared.auth import Role
from shared.clock import VIETNAM
from shared.follow import Follower
from shared.ids import new_id
from tests.support import campaign
from tests.support.servers import Nats, Postgres
from tests.support.stack import HandClock, Stack, nats_config, stack

NAME, CITIZEN, NOTE = "Đặng Thị Nhận Biết", "Phạm Văn Dễ Thấy", "bà Nguyễn Dễ Lộ nhầm người"
PHONE, CITIZEN_PHONE, IDENTITY = "0100 777 001", "+84 100 777 002", "051099777003"
SUBJECT = "person-777004@example.vn"
SECRETS = (NAME, CITIZEN, NOTE, PHONE, CITIZEN_PHONE, IDENTITY, SUBJECT)


@pytest.fixture
async def heard() -> AsyncIterator[io.StringIO]:
    """Everything that any logger says, at the most talkative level, rendered as production renders it."""
    buffer, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(buffer)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s %(args)s"))
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield buffer
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture
async def running(
    postgres: Postgres, fresh_nats: Callable[..., Awaitable[Nats]], heard: io.StringIO
) -> AsyncIterator[Stack]:
    clock = HandClock(datetime(2023, 7, 30, 20, 0, tzinfo=VIETNAM))
    nats = await fresh_nats(nats_config())
    async with stack(REGISTRY, OUTREACH, COURSES, REPORTING, postgres=postgres, nats=nats, clock=clock) as found:
        yield found


def leaks(text: str) -> list[str]:
    """Which secrets a text gives away: as typed, decomposed, JSON-escaped, without case, or by their digits."""
    plain = unicodedata.normalize("NFC", text).casefold()
    plain += plain.encode().decode("unicode_escape", errors="ignore")
    digits = re.sub(r"[\s.()+-]", "", text)
    found = [s for s in SECRETS if unicodedata.normalize("NFC", s).casefold() in plain]
    return found + [d for d in ("100777001", "100777002", IDENTITY, "777004") if d in digits]


async def _campaign_with_people(running: Stack) -> None:
    """Commands that are taken, refused, malformed and repeated, each with someone's data in it."""
    officer = running.client(Role.PROVINCE_OFFICER, units=["51"], subject=SUBJECT)
    [member] = await campaign.launch(officer, members=1)
    teams = (await campaign.ok(officer.get("/registry/teams")))["items"]
    person = {"member_id": new_id(), "full_name": NAME, "phone": PHONE, "joined_on": "2023-07-03"}
    path = f"/registry/teams/{teams[0]['team_id']}/members"
    await campaign.ok(officer.post(path, json=person))
    await officer.post(path, json={**person, "joined_on": "2093-07-03"})
    await officer.post(path, json={**person, "member_id": "", "unknown": NAME})
    at = {"member_id": member, "occurred_at": "2023-07-29T19:30:00+07:00", "topics": ["services"], "place": "home"}
    people = (
        {"phone": CITIZEN_PHONE},
        {"identity_number": IDENTITY},
        {"name": CITIZEN, "birth_year": 1950, "village": "Thôn 1"},
        {"phone": CITIZEN_PHONE, "name": CITIZEN},
    )
    items = [{"guidance_id": new_id(), **at, "citizen": citizen} for citizen in people]
    batch = {"campaign_id": campaign.CAMPAIGN_ID, "items": [*items, {"guidance_id": CITIZEN, **at}]}
    answer = await campaign.ok(officer.post("/outreach/guidances", json=batch))
    assert answer["accepted"] == 3
    withdraw = f"/outreach/guidances/{items[0]['guidance_id']}/withdraw"
    await campaign.ok(officer.post(withdraw, json={"reason": "wrong_citizen", "note": NOTE}))
    await officer.get(f"/registry/teams/{CITIZEN}")
    await officer.post("/courses/courses/nothing/enrolments", json={"organisation_id": CITIZEN})
    await running.caught_up()


async def test_nobodys_data_leaves_its_vault(running: Stack, heard: io.StringIO) -> None:
    await _campaign_with_people(running)

    service = running.services["reporting"]
    seen = 0
    for producer in ("registry", "outreach"):
        follower = Follower(service.client, producer, "51")
        last = await follower.last_seq()
        batches = follower.batches(0)
        async for batch in batches:
            for message in batch.messages:
                text = message.headers.decode() + message.data.decode()
                assert leaks(text) == [], text
                seen += 1
            if batch.last >= last:
                break
        await batches.aclose()
    assert seen > 190
    assert leaks(telemetry.metrics_response().body.decode()) == []  # type: ignore[union-attr]
    said = heard.getvalue()
    assert len(said) > 1000, "nothing was heard, so nothing was proved"
    assert leaks(said) == [], [line for line in said.splitlines() if leaks(line)][:5]


def test_the_search_sees_what_it_must() -> None:
    assert leaks(f"… {NAME.upper()} …")
    assert leaks(unicodedata.normalize("NFD", NAME))
    assert leaks("gọi 0100.777.001 nhé")
    assert leaks('{"phone": "+84100777002"}')
    assert not leaks("tổ 777, 21400, 2023-07-29")
