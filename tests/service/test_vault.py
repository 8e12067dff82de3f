"""People's data over HTTP: read for a reason, corrected, withdrawn, erased, all on record; requests on a clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from shared.auth import Role
from shared.contracts.registry import PersonErased
from shared.ids import new_id
from tests.support.stack import Stack
from tests.support.world import DUC_NHUAN, LY_SON, MO_DUC, TOWN, a_member, a_team, ok, refused

NOW = datetime(2023, 7, 28, 3, tzinfo=UTC)  # a Friday, 10:00 in Vietnam
NAME, PHONE = "Trần Thị Bích Hường", "0905 555 123"


@pytest.fixture
def province(running: Stack) -> httpx.AsyncClient:
    return running.client(Role.PROVINCE_OFFICER, units=["51"], subject="so-tttt-an")


async def joined(province: httpx.AsyncClient, unit_id: str = TOWN) -> tuple[str, str]:
    """A new person on a new team: ids of both."""
    team = a_team(unit_id)
    await ok(province.post("/registry/teams", json=team), 201)
    member = a_member(full_name=NAME, phone=PHONE)
    await ok(province.post(f"/registry/teams/{team['team_id']}/members", json=member), 201)
    return member["member_id"], team["team_id"]


async def read(client: httpx.AsyncClient, member_id: str, why: str = "call") -> httpx.Response:
    return await client.get(f"/registry/members/{member_id}/person", params={"why": why})


async def on_record(province: httpx.AsyncClient, **asked: str) -> list[tuple[Any, ...]]:
    """What the record says, the oldest first."""
    found = await ok(province.get("/registry/audit", params={"limit": "500", **asked}))
    assert found["total"] == len(found["items"])
    return [(i["subject"], i["action"], "+".join(i["fields"]), i["why"]) for i in reversed(found["items"])]


async def test_a_person_is_read_by_those_who_may_and_each_reading_is_on_record(
    running: Stack, province: httpx.AsyncClient
) -> None:
    member, team = await joined(province)
    own = {"member_id": member, "full_name": NAME, "phone": PHONE, "title": None, "legal_basis": "public_task"}
    for client in (
        province,
        running.client(Role.DISTRICT_OFFICER, units=[MO_DUC], subject="mo-duc"),
        running.client(Role.COMMUNE_OFFICER, units=[TOWN], subject="thi-tran"),
        running.client(Role.TEAM_LEADER, team_id=team, subject="leader"),
        running.client(Role.MEMBER, member_id=member, subject="herself"),
    ):
        assert (await ok(read(client, member))) == own
    for client in (
        running.client(Role.DISTRICT_OFFICER, units=[LY_SON]),
        running.client(Role.COMMUNE_OFFICER, units=[DUC_NHUAN]),
        running.client(Role.TEAM_LEADER, team_id="other", units=["51"]),
        running.client(Role.MEMBER, member_id="other", units=["51"]),
    ):
        refused(await read(client, member), 403, "outside_your_unit", "member_id")
    refused(await read(running.client(Role.OPERATOR, units=["51"]), member), 403, "role_not_allowed", "Authorization")
    refused(await province.get(f"/registry/members/{member}/person"), 422, "invalid_data", "why")
    refused(await read(province, member, "curiosity"), 422, "invalid_data", "why")
    refused(await read(province, "nobody"), 404, "no_such_person", "member_id")

    assert await on_record(province, member_id=member) == [
        ("so-tttt-an", "written", "full_name+phone+legal_basis", "joining"),
        *((who, "read", "full_name+phone", "call")
          for who in ("so-tttt-an", "mo-duc", "thi-tran", "leader", "herself")),
    ]  # fmt: skip


async def test_who_moved_away_is_reached_where_the_new_place_is(running: Stack, province: httpx.AsyncClient) -> None:
    member, _ = await joined(province)
    leave = {"left_on": "2023-07-20", "reason": "moved"}
    await ok(province.post(f"/registry/members/{member}/leave", json=leave))
    here, there = (running.client(Role.COMMUNE_OFFICER, units=[unit]) for unit in (TOWN, DUC_NHUAN))
    assert (await read(here, member)).status_code == 200, "no other place: the last one answers for the data"
    team = a_team(DUC_NHUAN)
    await ok(province.post("/registry/teams", json=team), 201)
    again = {"member_id": member, "joined_on": "2023-07-21"}
    await ok(province.post(f"/registry/teams/{team['team_id']}/members", json=again), 201)
    assert (await read(there, member)).status_code == 200
    refused(await read(here, member), 403, "outside_your_unit", "member_id")


async def test_a_correction_says_which_field_changed_and_never_what_it_says(
    running: Stack, province: httpx.AsyncClient
) -> None:
    member, team = await joined(province)
    right = {"full_name": NAME + " B", "phone": PHONE}
    path = f"/registry/members/{member}/person"
    for _ in range(2):
        await ok(running.client(Role.TEAM_LEADER, team_id=team, subject="leader").put(path, json=right))
    assert (await ok(read(province, member)))["full_name"] == NAME + " B"
    assert (await on_record(province, member_id=member, action="corrected")) == [
        ("leader", "corrected", "full_name", "correction")
    ]
    stranger = running.client(Role.TEAM_LEADER, team_id="other")
    refused(await stranger.put(path, json=right), 403, "outside_your_unit", "member_id")
    refused(await province.put(path, json={**right, "phone": "gọi tôi"}), 422, "invalid_data", "phone")


async def test_withdrawn_data_is_read_for_a_legal_duty_only(running: Stack, province: httpx.AsyncClient) -> None:
    member, team = await joined(province)
    herself = running.client(Role.MEMBER, member_id=member, subject="herself")
    for _ in range(2):
        await ok(herself.post(f"/registry/members/{member}/withdraw"))
    commune = running.client(Role.COMMUNE_OFFICER, units=[TOWN], subject="thi-tran")
    refused(await read(commune, member), 403, "basis_withdrawn", "why")
    refused(await read(commune, member, "legal_duty"), 403, "not_for_your_role", "why")
    assert (await ok(read(province, member, "legal_duty")))["full_name"] == NAME
    shown = await ok(province.get(f"/registry/teams/{team}"))
    assert [m["member_id"] for m in shown["members"]] == [member], "the place stays"

    path = f"/registry/members/{member}/person"
    refused(await commune.put(path, json={"full_name": NAME}), 409, "basis_withdrawn", "member_id")
    await ok(commune.put(path, json={"full_name": NAME, "phone": PHONE, "legal_basis": "consent"}))
    assert (await ok(read(commune, member)))["legal_basis"] == "consent"
    assert [r[:2] for r in await on_record(province, member_id=member)] == [
        ("so-tttt-an", "written"), ("herself", "withdrawn"), ("thi-tran", "refused"), ("so-tttt-an", "read"),
        ("thi-tran", "corrected"), ("thi-tran", "read"),
    ]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), [("DELETE", "person"), ("POST", "erase")])
async def test_an_erased_person_leaves_every_count_and_never_comes_back(
    running: Stack, province: httpx.AsyncClient, method: str, path: str
) -> None:
    team = a_team()
    await ok(province.post("/registry/teams", json=team), 201)
    paper, members = a_member(full_name=NAME, phone=PHONE), f"/registry/teams/{team['team_id']}/members"
    await ok(province.post(members, json=paper), 201)
    member = paper["member_id"]
    before = await ok(province.get(f"/registry/teams/{team['team_id']}"))
    outside = running.client(Role.DISTRICT_OFFICER, units=[LY_SON])
    where = f"/registry/members/{member}/{path}"
    refused(await outside.request(method, where), 403, "outside_your_unit", "member_id")
    for _ in range(2):
        await ok(province.request(method, where))

    refused(await read(province, member, "legal_duty"), 404, "person_erased", "member_id")
    assert await ok(province.get(f"/registry/teams/{team['team_id']}")) == before
    events = [e for e in await running.log("registry", PersonErased) if e.key() == member]
    assert len(events) == 1
    refused(await province.post(members, json=paper), 409, "same_id_other_content", "member_id")
    right = {"full_name": NAME, "legal_basis": "consent"}
    refused(await province.put(f"/registry/members/{member}/person", json=right), 409, "person_erased", "member_id")
    elsewhere = a_team(DUC_NHUAN)
    await ok(province.post("/registry/teams", json=elsewhere), 201)
    again = {"member_id": member, "joined_on": "2023-07-21"}
    there = f"/registry/teams/{elsewhere['team_id']}/members"
    refused(await province.post(there, json=again), 409, "person_erased", "member_id")
    assert (await on_record(province, member_id=member, action="erased"))[0][2:] == (
        "full_name+phone+legal_basis", "erasure",
    )  # fmt: skip


async def test_nothing_of_a_person_is_left_in_any_table(running: Stack, province: httpx.AsyncClient) -> None:
    member, _ = await joined(province)
    name = f"Võ Văn {new_id()[-6:]}"
    await ok(province.put(f"/registry/members/{member}/person", json={"full_name": name, "phone": "0909 123 987"}))
    assert await tables_with(running, name) == {"vault_person"}
    await ok(province.post(f"/registry/members/{member}/erase"))
    assert await tables_with(running, name) == set()
    assert await tables_with(running, member) >= {"membership", "vault_access", "vault_erased", "log"}


async def tables_with(running: Stack, text: str) -> set[str]:
    """Tables of registry in which a text stands."""
    async with running.services["registry"].pool.acquire() as conn:
        names = [r[0] for r in await conn.fetch("select tablename from pg_tables where schemaname = 'public'")]
        found = [(n, await conn.fetchval(f"select count(*) from {n} t where t::text like '%' || $1 || '%'", text))
                 for n in names]  # fmt: skip
    return {name for name, count in found if count}


# -- the record -------------------------------------------------------------------------------------------------------


async def test_the_record_is_filtered_paged_and_not_for_everyone(running: Stack, province: httpx.AsyncClient) -> None:
    member, _ = await joined(province)
    nurse = running.client(Role.DISTRICT_OFFICER, units=[MO_DUC], subject=f"mo-duc-{member}")
    for why in ("call", "search", "call"):
        await ok(read(nurse, member, why))
    mine = {"subject": f"mo-duc-{member}"}
    assert len(await on_record(province, **mine)) == 3
    assert len(await on_record(province, **mine, why="call")) == 2
    assert await on_record(province, **mine, action="erased") == []
    assert len(await on_record(province, **mine, since="2023-07-28", until="2023-07-28")) == 3
    assert await on_record(province, **mine, until="2023-07-27") == []
    assert await on_record(province, **mine, since="2023-07-29") == []
    pages = []
    after: dict[str, str] = {}
    while True:
        page = await ok(province.get("/registry/audit", params={**mine, "limit": "1", **after}))
        assert page["total"] == 3
        if not page["items"]:
            break
        pages += [i["why"] for i in page["items"]]
        after = {"after": page["next"]}
    assert pages == ["call", "search", "call"]
    [newest] = (await ok(province.get("/registry/audit", params={**mine, "limit": "1"})))["items"]
    assert (newest["member_id"], newest["roles"]) == (member, ["district_officer"])
    assert newest["trace"].startswith("00-")
    await ok(running.client(Role.OPERATOR, units=["51"]).get("/registry/audit"))
    refused(await nurse.get("/registry/audit"), 403, "role_not_allowed", "Authorization")
    part = running.client(Role.OPERATOR, units=[MO_DUC])
    refused(await part.get("/registry/audit"), 403, "outside_your_unit", "Authorization")


# -- what people ask for ----------------------------------------------------------------------------------------------


async def filed(client: httpx.AsyncClient, member: str, **changed: Any) -> dict[str, Any]:
    body = {"request_id": new_id(), "member_id": member, "kind": "access", **changed}
    return await ok(client.post("/registry/subject-requests", json=body), 201)


async def listed(client: httpx.AsyncClient, **asked: str) -> list[dict[str, Any]]:
    found = await ok(client.get("/registry/subject-requests", params=asked))
    assert found["total"] == len(found["items"])
    return list(found["items"])


async def test_a_request_is_answered_within_two_working_days_or_shown_as_late(
    running: Stack, province: httpx.AsyncClient
) -> None:
    member, _ = await joined(province)
    commune = running.client(Role.COMMUNE_OFFICER, units=[TOWN])
    herself = running.client(Role.MEMBER, member_id=member)
    today = await filed(herself, member, kind="correction")
    old = await filed(commune, member, received_at="2023-07-24T09:00:00+07:00")
    assert (today["due_at"], old["due_at"]) == ("2023-08-02T00:00:00+07:00", "2023-07-27T00:00:00+07:00")

    mine = await listed(herself)
    assert [(r["request_id"], r["late"]) for r in mine] == [(old["request_id"], True), (today["request_id"], False)]
    assert [r["request_id"] for r in await listed(commune, member_id=member, state="late")] == [old["request_id"]]
    done = [await ok(commune.post(f"/registry/subject-requests/{r['request_id']}/answer", json={"outcome": "done"}))
            for r in (today, old)]  # fmt: skip
    assert [d["in_time"] for d in done] == [True, False]
    assert await listed(herself, state="open") == []
    assert [r["outcome"] for r in await listed(herself, state="answered")] == ["done", "done"]
    assert [r["request_id"] for r in await listed(herself, state="late")] == [old["request_id"]]
    other = await commune.post(
        f"/registry/subject-requests/{old['request_id']}/answer", json={"outcome": "partly_done"}
    )
    refused(other, 409, "answered_already", "outcome")


async def test_requests_are_for_those_who_answer_for_the_person(running: Stack, province: httpx.AsyncClient) -> None:
    member, _ = await joined(province)
    request = await filed(province, member)
    mine = {"member_id": member}
    for units in (["51"], [MO_DUC], [TOWN]):
        assert len(await listed(running.client(Role.DISTRICT_OFFICER, units=units), **mine)) == 1
    for units in ([LY_SON], []):
        assert await listed(running.client(Role.DISTRICT_OFFICER, units=units), **mine) == []
    stranger = running.client(Role.MEMBER, member_id="other")
    assert await listed(stranger) == []
    asked = await stranger.get("/registry/subject-requests", params=mine)
    refused(asked, 403, "not_your_requests", "member_id")
    body = {"request_id": new_id(), "member_id": member, "kind": "erasure"}
    refused(await stranger.post("/registry/subject-requests", json=body), 403, "outside_your_unit", "member_id")
    answer = f"/registry/subject-requests/{request['request_id']}/answer"
    outside = running.client(Role.DISTRICT_OFFICER, units=[LY_SON])
    refused(await outside.post(answer, json={"outcome": "done"}), 403, "outside_your_unit", "member_id")
    tomorrow = {**body, "received_at": (NOW + timedelta(hours=1)).isoformat()}
    refused(await province.post("/registry/subject-requests", json=tomorrow), 422, "in_the_future", "received_at")
    page = await ok(province.get("/registry/subject-requests", params={"limit": 1}))
    rest = await ok(province.get("/registry/subject-requests", params={"after": page["next"]}))
    assert page["items"][0]["request_id"] not in {r["request_id"] for r in rest["items"]}
    assert page["total"] == rest["total"] == 1 + len(rest["items"])


# -- contacts ---------------------------------------------------------------------------------------------------------


def a_contact(**of: str) -> dict[str, Any]:
    return {"contact_id": new_id(), "full_name": NAME, "phone": PHONE, "title": "Chánh Văn phòng",
            "since": "2023-07-01", **of}  # fmt: skip


async def test_contacts_of_units_organisations_and_teams_are_people_of_the_vault(
    running: Stack, province: httpx.AsyncClient
) -> None:
    organisation = {"organisation_id": new_id(), "name": "Sở", "sector": "department"}
    await ok(province.post("/registry/organisations", json=organisation), 201)
    team = a_team()
    await ok(province.post("/registry/teams", json=team), 201)
    for of in ({"unit_id": TOWN}, {"organisation_id": organisation["organisation_id"]}, {"team_id": team["team_id"]}):
        made = a_contact(**of)
        await ok(province.post("/registry/contacts", json=made), 201)
        [seen] = (await ok(province.get("/registry/contacts", params={**of, "why": "call"})))["items"]
        assert (seen["contact_id"], seen["full_name"], seen["title"]) == (made["contact_id"], NAME, "Chánh Văn phòng")
        record = await on_record(province, member_id=made["contact_id"])
        assert [r[1] for r in record] == ["written", "read"]
        assert await tables_with(running, "Chánh Văn phòng") == {"vault_person"}
        await ok(province.post(f"/registry/members/{made['contact_id']}/erase"))
        [seen] = (await ok(province.get("/registry/contacts", params={**of, "why": "call"})))["items"]
        assert (seen["contact_id"], seen["full_name"], seen["phone"]) == (made["contact_id"], None, None)
        await ok(province.post(f"/registry/contacts/{made['contact_id']}/end", json={"last_day": "2023-07-20"}))
        assert (await ok(province.get("/registry/contacts", params={**of, "why": "call"})))["items"] == []


async def test_what_a_contact_may_not_be(running: Stack, province: httpx.AsyncClient) -> None:
    path, (member, team) = "/registry/contacts", await joined(province)
    district = running.client(Role.DISTRICT_OFFICER, units=[MO_DUC])
    made = a_contact(unit_id=TOWN)
    await ok(district.post(path, json=made), 201)
    assert (await read(running.client(Role.COMMUNE_OFFICER, units=[TOWN]), made["contact_id"])).status_code == 200
    stranger = running.client(Role.DISTRICT_OFFICER, units=[LY_SON])
    refused(await read(stranger, made["contact_id"]), 403, "outside_your_unit", "member_id")
    for body, answer in (
        (a_contact(), (422, "name_one", "unit_id")),
        (a_contact(unit_id=TOWN, team_id=team), (422, "name_one", "unit_id")),
        (a_contact(unit_id=LY_SON), (403, "outside_your_unit", "unit_id")),
        (a_contact(organisation_id="tinh-doan"), (403, "outside_your_unit", "organisation_id")),
        (a_contact(unit_id=TOWN, since="2023-07-29"), (422, "in_the_future", "since")),
        (a_contact(unit_id=TOWN, contact_id=member), (409, "id_taken", "member_id")),
    ):
        refused(await district.post(path, json=body), *answer)
    refused(await province.post(path, json=a_contact(unit_id="nowhere")), 422, "not_there", "unit_id")
    refused(await province.post(path, json=a_contact(team_id="nowhere")), 422, "unknown_team", "team_id")
    end = f"{path}/{made['contact_id']}/end"
    refused(await district.post(end, json={"last_day": "2023-06-30"}), 422, "end_before_start", "last_day")
    refused(await stranger.post(end, json={"last_day": "2023-07-20"}), 403, "outside_your_unit", "unit_id")
    taken = a_member(member_id=made["contact_id"], full_name="Người khác")
    refused(await province.post(f"/registry/teams/{team}/members", json=taken), 409, "id_taken", "member_id")
