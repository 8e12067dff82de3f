"""Every command of the API with a body that it takes, and what may be changed in it; a new command is added here."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import httpx

from tests.contract import documents
from tests.http.site import COURSE, KNOWN, REFORM, VILLAGES
from tests.support.world import DUC_NHUAN, MO_DUC, TOWN, a_campaign, a_member, a_team, an_item

Body = dict[str, Any]
_ranks = itertools.count()


class Sample(NamedTuple):
    """A body that is taken, as often as it is made; what to change so that it is another; which field holds its id."""

    body: Callable[[], Body | bytes]
    change: Body
    id_field: str | None
    """A field of the body or `Idempotency-Key`; None where there is no id to send again."""
    outside: str | None
    """The field that a refusal names when the unit is not the caller's; None where callers act for themselves only;
    `subject` where each caller has things of the own, and of anybody else's it is not said that they are there."""
    anew: Callable[[httpx.Client], dict[str, str]] = lambda _: {}
    """Makes what the command is about, where it happens to that once only; answers with the ids for its path."""

    def fields(self) -> Body:
        """The body of a command that takes JSON."""
        return as_fields(self.body())


def as_fields(body: Body | bytes) -> Body:
    """A body that is no file."""
    assert isinstance(body, dict)
    return body


def _guidance() -> Body:
    item = an_item("m1")
    del item["guidance_id"]
    return item


def new_member(client: httpx.Client) -> dict[str, str]:
    """A further member of «t1»."""
    person = a_member()
    assert client.post("/registry/teams/t1/members", json=person).status_code == 201
    return {"member_id": str(person["member_id"])}


def new_team(client: httpx.Client) -> dict[str, str]:
    """A further team."""
    made = a_team()
    assert client.post("/registry/teams", json=made).status_code == 201
    return {"team_id": str(made["team_id"])}


def new_organisation(client: httpx.Client) -> dict[str, str]:
    """A further organisation."""
    made = an_organisation()
    assert client.post("/registry/organisations", json=made).status_code == 201
    return {"organisation_id": str(made["organisation_id"])}


def new_request(client: httpx.Client) -> dict[str, str]:
    """A further request of «m1» about the own data."""
    made = {"request_id": a_team()["team_id"], "member_id": "m1", "kind": "access"}
    assert client.post("/registry/subject-requests", json=made).status_code == 201
    return {"request_id": str(made["request_id"])}


def an_organisation() -> Body:
    return {"organisation_id": a_team()["team_id"], "name": "Sở", "sector": "department", "headcount": 9}


def a_contact() -> Body:
    return {"contact_id": a_team()["team_id"], "unit_id": MO_DUC, "full_name": "Lê Văn Thử", "since": "2023-07-03"}


def new_import(client: httpx.Client) -> dict[str, str]:
    """A further upload, checked."""
    made = str(a_team()["team_id"])
    path = f"/registry/imports/villages?import_id={made}"
    assert client.post(path, content=VILLAGES).status_code == 202
    while client.get(f"/registry/imports/{made}").json()["state"] != "checked":
        time.sleep(0.05)
    return {"import_id": made}


def a_village() -> Body:
    made = str(a_team()["team_id"])
    since = {"parent_id": TOWN, "valid_from": "2023-07-01"}
    return {"village_id": made, "name": f"Thôn {made}", "kind": "hamlet", **since}


def a_level() -> Body:
    made = str(a_team()["team_id"])
    kind = {"kind_id": made, "word_vi": f"Xóm {made[:35]}", "word_en": "lane"}
    rank = 1000 + next(_ranks)
    return {"level_id": made, "rank": rank, "name_vi": f"cấp {made}", "name_en": f"level {made}", "kinds": [kind]}


def new_village(client: httpx.Client) -> dict[str, str]:
    """A further village of the town."""
    made = a_village()
    assert client.post("/registry/villages", json=made).status_code == 201
    return {"unit_id": str(made["village_id"])}


def a_reform() -> Body:
    return {"plan": {**REFORM, "reform_id": a_team()["team_id"]}}


def new_reform(client: httpx.Client) -> dict[str, str]:
    """A further reform."""
    made = a_reform()
    assert client.post("/registry/reforms", json=made).status_code == 201
    return {"reform_id": str(made["plan"]["reform_id"])}


SAMPLES: dict[str, Sample] = {
    "POST /registry/editions/{edition}": Sample(dict, {}, None, "edition"),
    "POST /registry/villages": Sample(a_village, {"name": "Thôn khác"}, "village_id", "parent_id"),
    "POST /registry/levels": Sample(a_level, {"name_vi": "cấp khác"}, "level_id", "level_id"),
    "POST /registry/kinds": Sample(
        lambda: {**a_level()["kinds"][0], "level_id": "village"}, {"word_en": "other"}, "kind_id", "kind_id",
    ),
    "POST /registry/units/{unit_id}/corrections": Sample(
        lambda: {"since": "2023-07-01", "reason": "Gõ nhầm", "name": "Bản Đúng", "kind": "ethnic_village"},
        {"name": "Bản Khác"}, "Idempotency-Key", "unit_id", new_village,
    ),
    "POST /registry/reforms/preview": Sample(a_reform, {}, None, "plan"),
    "POST /registry/reforms": Sample(a_reform, {}, None, "plan"),
    "POST /registry/reforms/{reform_id}/reverse": Sample(dict, {}, None, "reform_id", new_reform),
    "POST /registry/reforms/{reform_id}/reverse/preview": Sample(dict, {}, None, "reform_id", new_reform),
    "POST /registry/plans/{plan}/organisations": Sample(dict, {}, None, "plan"),
    "POST /registry/organisations": Sample(
        an_organisation, {"name": "Khác"}, "organisation_id", "organisation_id",
    ),
    "POST /registry/organisations/{organisation_id}/changes": Sample(
        lambda: {"name": "Sở khác", "sector": "press", "parent_id": None, "effective_on": "2023-07-01"},
        {"name": "Khác"}, "Idempotency-Key", "organisation_id", new_organisation,
    ),
    "POST /registry/organisations/{organisation_id}/headcounts": Sample(
        lambda: {"headcount": 12, "valid_from": "2023-07-01"}, {"headcount": 13}, "Idempotency-Key", "organisation_id",
        new_organisation,
    ),
    "POST /registry/organisations/{organisation_id}/dissolve": Sample(
        lambda: {"last_day": "2023-07-20"}, {"last_day": "2023-07-21"}, "Idempotency-Key", "organisation_id",
        new_organisation,
    ),
    "POST /registry/teams": Sample(a_team, {"name": "Khác"}, "team_id", "unit_id"),
    "POST /registry/teams/{team_id}/members": Sample(
        lambda: a_member(phone="0901234567", organisation_id="so"), {"full_name": "Khác"}, "member_id", "team_id"
    ),
    "POST /registry/teams/{team_id}/rename": Sample(
        lambda: {"name": "Tổ khác", "effective_on": "2023-07-20"}, {"name": "Khác"}, "Idempotency-Key", "team_id",
        new_team,
    ),
    "POST /registry/teams/{team_id}/move": Sample(
        lambda: {"unit_id": DUC_NHUAN, "level": "village", "village": "Thôn 2", "effective_on": "2023-07-20"},
        {"village": "Thôn 3"}, "Idempotency-Key", "team_id", new_team,
    ),
    "POST /registry/teams/{team_id}/merge": Sample(
        lambda: {"into_team_id": "t9", "effective_on": "2023-07-20"}, {"into_team_id": "t1"}, "Idempotency-Key",
        "team_id", new_team,
    ),
    "POST /registry/teams/{team_id}/disband": Sample(
        lambda: {"last_day": "2023-07-20", "reason": "task_done"}, {"reason": "other"}, "Idempotency-Key", "team_id",
        new_team,
    ),
    "POST /registry/members/{member_id}/role": Sample(
        lambda: {"team_id": "t1", "role": "deputy", "effective_on": "2023-07-20"}, {"role": "member"},
        "Idempotency-Key", "team_id", new_member,
    ),
    "POST /registry/members/{member_id}/move": Sample(
        lambda: {"from_team_id": "t1", "to_team_id": "t9", "moved_on": "2023-07-20", "role": "deputy"},
        {"role": "member"}, "Idempotency-Key", "from_team_id", new_member,
    ),
    "POST /registry/members/{member_id}/leave": Sample(
        lambda: {"left_on": "2023-07-30", "reason": "moved"}, {"reason": "resigned"}, "Idempotency-Key", "team_id",
        new_member,
    ),
    "PUT /registry/members/{member_id}/person": Sample(
        lambda: {"full_name": "Nguyễn Văn Đúng", "phone": "0901234567", "title": "Trưởng thôn"}, {}, None, "member_id",
        new_member,
    ),
    "DELETE /registry/members/{member_id}/person": Sample(dict, {}, None, "member_id", new_member),
    "POST /registry/members/{member_id}/erase": Sample(dict, {}, None, "member_id", new_member),
    "POST /registry/members/{member_id}/withdraw": Sample(dict, {}, None, "member_id", new_member),
    "POST /registry/subject-requests": Sample(
        lambda: {"request_id": a_team()["team_id"], "member_id": "m2", "kind": "access",
                 "received_at": "2023-07-29T19:30:00+07:00"},
        {"kind": "erasure"}, "request_id", "member_id",
    ),
    "POST /registry/subject-requests/{request_id}/answer": Sample(
        lambda: {"outcome": "done"}, {"outcome": "partly_done"}, "outcome", "member_id", new_request
    ),
    "POST /registry/contacts": Sample(a_contact, {"full_name": "Khác"}, "contact_id", "unit_id"),
    "POST /registry/contacts/{contact_id}/end": Sample(
        lambda: {"last_day": "2023-07-30"}, {}, None, "unit_id"
    ),
    "POST /registry/imports/{kind}": Sample(lambda: VILLAGES, {}, None, "lines"),
    "POST /registry/imports/{import_id}/commit": Sample(
        lambda: {"mode": "all_or_nothing"}, {}, None, "rows.2.unit", new_import
    ),
    "POST /registry/imports/{import_id}/discard": Sample(dict, {}, None, "subject", new_import),
    "POST /outreach/campaigns": Sample(
        lambda: a_campaign(reporting_unit_ids=["533"], window_days=7, quota=7), {"name": "Khác"}, "campaign_id",
        "campaign_id",
    ),
    "POST /outreach/guidances": Sample(
        lambda: {"campaign_id": "qn-2023", "items": [an_item("m1")]}, {}, None, "items"
    ),
    "PUT /outreach/campaigns/{campaign_id}/guidances/{guidance_id}": Sample(
        _guidance, {"place": "market"}, "guidance_id", "member_id"
    ),
    "POST /outreach/guidances/{guidance_id}/withdraw": Sample(
        lambda: {"reason": "duplicate", "note": "x"}, {"reason": "wrong_citizen"}, "reason", "guidance_id"
    ),
    "POST /courses/courses": Sample(
        lambda: {**COURSE, "course_id": a_team()["team_id"], "max_attempts": 3, "closes_on": "2023-12-31"},
        {"title": "Khác"}, "Idempotency-Key", "course_id",
    ),
    "POST /courses/courses/{course_id}/enrolments": Sample(dict, {"unit_id": "533"}, "unit_id", None),
    "POST /courses/courses/{course_id}/attempts": Sample(
        lambda: {"attempt_id": a_team()["team_id"], "answers": {"q": ["a"]}}, {"answers": {}}, "Idempotency-Key", None
    ),
}  # fmt: skip


def as_sent(body: Any) -> dict[str, Any]:
    """How a client is told to send a body: a file as it is, anything else as JSON."""
    return {"content": body} if isinstance(body, bytes) else {"json": body}


class Command(NamedTuple):
    """An operation that changes something."""

    name: str
    says: dict[str, Any]

    def __str__(self) -> str:
        return self.name

    @property
    def sample(self) -> Sample:
        return SAMPLES[self.name]

    @property
    def roles(self) -> list[str]:
        """Who may call."""
        return list(self.says["x-roles"])

    @property
    def takes_body(self) -> bool:
        """Whether it takes JSON."""
        return "application/json" in self.says.get("requestBody", {}).get("content", ())

    @property
    def path_parameters(self) -> list[str]:
        return [p["name"] for p in self.says.get("parameters", ()) if p["in"] == "path"]

    @property
    def must_be_asked(self) -> dict[str, str]:
        """What its query cannot go without."""
        if self.name == "GET /registry/units/resolve":
            return {"code": KNOWN["unit_id"]}  # or a name: one of the two
        parameters = self.says.get("parameters", ())
        return {p["name"]: KNOWN[p["name"]] for p in parameters if p["in"] == "query" and p["required"]}

    def url(self, **ids: str) -> str:
        """Its path with ids that exist, but for those that are given."""
        return self.name.split(" ")[1].format(**{**KNOWN, **ids})

    def send(
        self,
        client: httpx.Client,
        body: Any,
        *,
        ids: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Sends a body."""
        method, _ = self.name.split(" ")
        return client.request(
            method, self.url(**(ids or {})), headers=headers, params=self.must_be_asked or None, **as_sent(body)
        )

    def schema(self, of: Any = None) -> dict[str, Any]:
        """The JSON Schema of its body, or what a reference within it says."""
        found = of or next(iter(self.says["requestBody"]["content"].values()))["schema"]
        while "$ref" in found or "anyOf" in found or "allOf" in found:
            found = next(f for f in found.get("anyOf") or found.get("allOf") or [found] if f.get("type") != "null")
            if "$ref" in found:
                name = found["$ref"].rsplit("/", 1)[1]
                found = documents.openapi(self.name.split("/")[1])["components"]["schemas"][name]
        return dict(found)

    def fields(self, *, kind: str, form: str | None = None) -> list[str]:
        """Its body's own fields of a JSON type, and of a format if one is given."""
        properties = self.schema().get("properties", {})
        found = {name: self.schema(schema) for name, schema in properties.items()}
        return [n for n, s in found.items() if s.get("type") == kind and (form is None or s.get("format") == form)]


def all_operations() -> list[Command]:
    """Every operation of every service."""
    return [
        Command(f"{method.upper()} /{name}{path}", says)
        for name in documents.NAMES
        for path, methods in documents.openapi(name)["paths"].items()
        for method, says in methods.items()
    ]


COMMANDS = [operation for operation in all_operations() if not operation.name.startswith("GET ")]
WITH_BODY = [command for command in COMMANDS if command.takes_body]
GUARDED = [operation for operation in all_operations() if "anyone" not in operation.roles]
