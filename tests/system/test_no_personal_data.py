"""Names, phones and identity numbers go in; none of them comes out in an event, a header, a log line, a metric, a table
other than the vault's, or an answer to somebody else.
"""

from __future__ import annotations

import io
import json
import logging
import re
import unicodedata
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime

import httpx
import pytest

from services.courses.app import SPEC as COURSES
from services.outreach.app import SPEC as OUTREACH
from services.registry.app import SPEC as REGISTRY
from services.reporting.app import SPEC as REPORTING
from shared import telemetry
from shared.auth import Role
from shared.clock import VIETNAM
from shared.contracts import PRODUCERS
from shared.follow import Follower
from shared.ids import new_id
from tests.support import campaign
from tests.support.servers import Nats, Postgres
from tests.support.stack import HandClock, Stack, nats_config, stack
from tests.support.world import DUC_NHUAN

NAME, CITIZEN, NOTE = "Đặng Thị Nhận Biết", "Phạm Văn Dễ Thấy", "bà Nguyễn Dễ Lộ nhầm người"
PHONE, CITIZEN_PHONE, IDENTITY = "0100 777 001", "+84 100 777 002", "051099777003"
SUBJECT, LEARNER = "person-777004@example.vn", "hoc-vien-777005@example.vn"
SECRETS = (NAME, CITIZEN, NOTE, PHONE, CITIZEN_PHONE, IDENTITY, SUBJECT, LEARNER)
VAULT = {"vault_person", "vault_word", "vault_import", "vault_import_row", "vault_import_key"}
"""Where people's data is kept. Beside these only `FREE_TEXT`, and `vault_access.subject`: who read whose data."""
FREE_TEXT = {"public.guidance": "withdraw_note", "public.unit_version": "reason"}
"""What officers write in their own words: it stays within its service and is shown to officers only."""


@pytest.fixture
async def heard() -> AsyncIterator[io.StringIO]:
    """Everything that any logger says, at the most talkative level, with what was passed to it."""
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
    specs = (REGISTRY, OUTREACH, COURSES, REPORTING)
    async with stack(*specs, postgres=postgres, nats=nats, clock=clock, max_body_bytes=100_000) as found:
        yield found


def leaks(text: str) -> list[str]:
    """Which secrets a text gives away: as typed, decomposed, JSON-escaped, without case, or by their digits."""
    escaped = re.sub(r"(\\u[0-9a-fA-F]{4})+", lambda m: str(json.loads(f'"{m[0]}"')), text)
    plain = unicodedata.normalize("NFC", escaped).casefold()
    digits = re.sub(r"[\s.()+-]", "", text)
    found = [s for s in SECRETS if unicodedata.normalize("NFC", s).casefold() in plain]
    return found + [d for d in ("100777001", "100777002", IDENTITY) if d in digits]


async def _campaign_with_people(running: Stack) -> None:
    """Commands that are taken, refused, malformed and repeated, each with someone's data in it."""
    officer = running.client(Role.PROVINCE_OFFICER, units=["51"], subject=SUBJECT)
    [member] = await campaign.launch(officer, members=1)
    teams = (await campaign.ok(officer.get("/registry/teams")))["items"]
    path = f"/registry/teams/{teams[0]['team_id']}/members"
    await _joins(officer, path)
    await _vault(officer, path)
    await _corrections(officer)
    await _guidances(officer, member)
    await _learns(officer, running.client(Role.LEARNER, subject=LEARNER))
    await _nonsense(officer)
    await running.caught_up()


async def _joins(officer: httpx.AsyncClient, path: str) -> None:
    person = {"member_id": new_id(), "full_name": NAME, "phone": PHONE, "joined_on": "2023-07-03"}
    for _ in range(2):
        await campaign.ok(officer.post(path, json=person))
    for wrong in (
        {"phone": "0100.777.001"}, {"joined_on": "2093-07-03", "member_id": new_id()},
        {"member_id": "", "unknown": NAME}, {"full_name": NAME * 50}, {"phone": PHONE + "!"},
        {"organisation_id": NAME}, {NAME: PHONE}, {"full_name": unicodedata.normalize("NFD", NAME) + "\x00"},
    ):  # fmt: skip
        assert (await officer.post(path, json={**person, **wrong})).status_code in {409, 422}


async def _vault(officer: httpx.AsyncClient, path: str) -> None:
    """People are read, corrected, withdrawn and erased; contacts come and go; each in wrong ways too."""
    right = {"full_name": NAME, "phone": PHONE, "title": NOTE}
    for end in ("withdraw", "erase"):
        member = {"member_id": new_id(), "full_name": CITIZEN, "phone": CITIZEN_PHONE, "joined_on": "2023-07-03"}
        await campaign.ok(officer.post(path, json=member))
        one = f"/registry/members/{member['member_id']}"
        await campaign.ok(officer.put(f"{one}/person", json=right))
        for wrong in ({"phone": NAME}, {"full_name": NAME + "\x00"}, {NAME: PHONE}, {"legal_basis": NOTE}):
            assert (await officer.put(f"{one}/person", json={**right, **wrong})).status_code == 422
        assert (await campaign.ok(officer.get(f"{one}/person", params={"why": "call"})))["full_name"] == NAME
        assert (await officer.get(f"{one}/person", params={"why": NAME})).status_code == 422
        request = {"request_id": new_id(), "member_id": member["member_id"], "kind": "erasure"}
        await campaign.ok(officer.post("/registry/subject-requests", json=request))
        assert (await officer.post("/registry/subject-requests", json={**request, "kind": NAME})).status_code == 422
        await campaign.ok(officer.post(f"{one}/{end}"))
        for again in (member, {**member, "full_name": NAME}):
            assert (await officer.post(path, json=again)).status_code in {201, 409}
        assert (await officer.put(f"{one}/person", json=right)).status_code == 409
        assert (await officer.get(f"{one}/person", params={"why": "call"})).status_code in {403, 404}
    contact = {"contact_id": new_id(), "unit_id": "533", "since": "2023-07-03"} | right
    await campaign.ok(officer.post("/registry/contacts", json=contact))
    for wrong in ({"unit_id": NAME}, {"since": PHONE}, {"contact_id": NAME}, {"full_name": CITIZEN}):
        assert (await officer.post("/registry/contacts", json={**contact, **wrong})).status_code in {409, 422}
    await campaign.ok(officer.get("/registry/contacts", params={"unit_id": "533", "why": "call"}))
    assert (await officer.get("/registry/audit", params={"subject": NAME})).status_code == 200


async def _corrections(officer: httpx.AsyncClient) -> None:
    """A unit is corrected for a reason that should have named nobody."""
    right = {"since": "2020-02-01", "reason": f"{NOTE}, {PHONE}", "name": "Xã Đức Nhuận Mới"}
    path = f"/registry/units/{DUC_NHUAN}/corrections"
    for wrong in ({"reason": f"{NAME}\x00"}, {"reason": NAME * 50}, {"since": PHONE}, {"code": NAME}, {NAME: PHONE}):
        assert (await officer.post(path, json={**right, **wrong})).status_code == 422
    for key in (new_id(), new_id()):
        answer = await officer.post(path, json=right, headers={"idempotency-key": key})
        assert answer.status_code in {201, 409}, answer.text


async def _guidances(officer: httpx.AsyncClient, member: str) -> None:
    at = {"member_id": member, "occurred_at": "2023-07-29T19:30:00+07:00", "topics": ["services"], "place": "home"}
    people = (
        {"phone": CITIZEN_PHONE},
        {"identity_number": IDENTITY},
        {"name": unicodedata.normalize("NFD", CITIZEN), "birth_year": 1950, "village": "Thôn 1"},
        {"phone": CITIZEN_PHONE, "name": CITIZEN},
        {"identity_number": IDENTITY + "0"},
    )
    items = [{"guidance_id": new_id(), **at, "citizen": citizen} for citizen in people]
    odd = [
        {"guidance_id": CITIZEN, **at},
        {**items[0], "topics": [CITIZEN]},
        {**items[1], "member_id": CITIZEN},
        CITIZEN,
    ]
    batch = {"campaign_id": campaign.CAMPAIGN_ID, "items": [*items, *odd]}
    for accepted in (3, 0):
        assert (await campaign.ok(officer.post("/outreach/guidances", json=batch)))["accepted"] == accepted
    path = f"/outreach/campaigns/{campaign.CAMPAIGN_ID}/guidances/{items[0]['guidance_id']}"
    clash = {**at, "citizen": {"identity_number": IDENTITY}}
    assert (await officer.put(path, json=clash)).status_code == 409
    withdraw = f"/outreach/guidances/{items[0]['guidance_id']}/withdraw"
    await campaign.ok(officer.post(withdraw, json={"reason": "wrong_citizen", "note": NOTE}))
    assert (await officer.post(withdraw, json={"reason": NAME, "note": NOTE})).status_code == 422


async def _learns(officer: httpx.AsyncClient, learner: httpx.AsyncClient) -> None:
    options = [{"option_id": o, "text": o} for o in "ab"]
    course = {
        "course_id": "dvc", "title": "Dịch vụ công", "pass_mark": 1, "opens_on": "2023-07-28",
        "questions": [{"question_id": "q", "text": "?", "right": ["a"], "options": options}],
    }  # fmt: skip
    await campaign.ok(officer.post("/courses/courses", json=course))
    await campaign.ok(learner.post("/courses/courses/dvc/enrolments", json={}))
    await campaign.ok(learner.post("/courses/courses/dvc/attempts", json={"attempt_id": "a", "answers": {"q": ["a"]}}))
    await learner.post("/courses/courses/dvc/attempts", json={"attempt_id": LEARNER, "answers": {NAME: [NAME]}})
    await learner.post("/courses/courses/nothing/enrolments", json={"organisation_id": CITIZEN})


async def _nonsense(officer: httpx.AsyncClient) -> None:
    """What no phone sends: broken JSON, other types, too much, names in addresses, in queries and in headers."""
    kind = {"content-type": "application/json"}
    for path in ("/registry/organisations", "/outreach/guidances"):
        await officer.post(path, content=f'{{"name": "{NAME}", "phone": "{PHONE}"', headers=kind)
        await officer.post(path, content=f"name={NAME}", headers={"content-type": "text/plain"})
        await officer.post(path, content=NAME * 10_000, headers=kind)
        await officer.put(path, json={"name": NAME})
    for path in (f"/registry/teams/{CITIZEN}", f"/nothing/{NAME}", f"/registry/units?within={PHONE}&after={NAME}"):
        assert (await officer.get(path)).status_code in {404, 422}
    told = {"traceparent": PHONE, "x-name": NAME.encode(), "idempotency-key": PHONE, "accept-language": PHONE}
    await officer.post(f"/registry/members/{new_id()}/leave", json={"left_on": PHONE}, headers=told)  # type: ignore[arg-type]
    await officer.get("/registry/teams", headers={"authorization": f"Bearer {SUBJECT}"})


async def _stream(running: Stack, producer: str) -> list[str]:
    """Every message of a stream, headers and all."""
    follower = Follower(running.services["reporting"].client, producer, "51")
    last, batches, found = await follower.last_seq(), follower.batches(0), list[str]()
    async for batch in batches:
        found += [message.headers.decode() + message.data.decode() for message in batch.messages]
        if batch.last >= last:
            break
    await batches.aclose()
    return found


async def _tables(running: Stack) -> AsyncIterator[tuple[str, str]]:
    """Every row of every table of every service, but for what the vault holds."""
    for service in running.services.values():
        async with service.pool.acquire() as conn:
            names = await conn.fetch(
                "select schemaname || '.' || tablename as name from pg_tables"
                " where schemaname not in ('pg_catalog', 'information_schema')"
            )
            for (name,) in names:
                if name.removeprefix("public.") not in VAULT:
                    known = "subject" if name == "public.vault_access" else FREE_TEXT.get(name, "")
                    for (row,) in await conn.fetch(f"select (to_jsonb(t) - '{known}')::text from {name} t"):
                        yield name, row


async def test_nobodys_data_leaves_its_vault(running: Stack, heard: io.StringIO) -> None:
    await _campaign_with_people(running)

    seen = [text for producer in PRODUCERS for text in await _stream(running, producer)]
    assert [text for text in seen if leaks(text)] == []
    assert len(seen) > 195
    rows = [row async for row in _tables(running)]
    assert {name for name, row in rows if leaks(row)} == set()
    seen_in = {"guidance", "receipt", "log", "enrolment", "vault_access", "vault_erased", "contact", "subject_request"}
    assert {f"public.{name}" for name in seen_in} <= {name for name, _ in rows}
    assert leaks(telemetry.metrics_response().body.decode()) == []  # type: ignore[union-attr]
    said = heard.getvalue()
    assert len(said) > 1000, "nothing was heard, so nothing was proved"
    assert leaks(said) == [], [line for line in said.splitlines() if leaks(line)][:5]


async def test_nobodys_data_is_told_to_somebody_else(running: Stack) -> None:
    await _campaign_with_people(running)
    everything = running.client(*Role, units=["51"], member_id="m", team_id="t")
    pages = [
        f"/{service}/{page}"
        for service, pages in {
            "registry": (
                "teams",
                "units",
                "organisations",
                "events?limit=1000",
                "metrics",
                "readyz",
                "subject-requests",
            ),
            "outreach": ("campaigns", "guidances/mine", "events?limit=1000", "readyz"),
            "courses": ("courses", "courses/dvc", "events?limit=1000"),
            "reporting": ("overview", "units", "teams", "members", "organisations", "daily"),
        }.items()
        for page in pages
    ]
    teams = (await campaign.ok(everything.get("/registry/teams")))["items"]
    pages += [f"/registry/teams/{team['team_id']}" for team in teams]
    for path in (*pages, "/", "/?lang=en&unit=533"):
        answer = await everything.get(path)
        assert answer.status_code in {200, 503}, path
        assert leaks(answer.text + str(answer.headers)) == [], path
    history = f"/registry/units/{DUC_NHUAN}/history"
    for client, told in ((everything, [NOTE, PHONE, "100777001"]), (running.client(), [])):
        answer = await client.get(history)
        assert (answer.status_code, leaks(answer.text)) == (200, told)
    record = await everything.get("/registry/audit?limit=500")
    assert set(leaks(record.text)) == {SUBJECT}, "the record says who read, and nothing of what was read"


@pytest.mark.parametrize("text", [
    f"… {NAME.upper()} …", unicodedata.normalize("NFD", NAME), "gọi 0100.777.001 nhé", '{"phone": "+84100777002"}',
    json.dumps({"name": CITIZEN}), json.dumps(unicodedata.normalize("NFD", CITIZEN)), f"sub={SUBJECT}", repr(NOTE),
])  # fmt: skip
def test_the_search_sees_what_it_must(text: str) -> None:
    assert leaks(text)


def test_the_search_sees_no_ghosts() -> None:
    def harmless() -> Iterator[str]:
        yield "tổ 777, 21400, 2023-07-29"
        yield "".join(new_id() for _ in range(1000))

    assert [text for text in harmless() if leaks(text)] == []
