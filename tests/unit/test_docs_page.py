"""The reference pages say everything that the documents say, escaped, and ask no other host."""

import re
from html import unescape
from typing import Any

import pytest

from shared.web import docs
from shared.web.schema import fields, sample, type_name

PROBLEM = {
    "description": "Conflict",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
OPENAPI: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Registry", "version": "0.1.0", "summary": "Units and teams."},
    "servers": [{"url": "/registry"}],
    "paths": {
        "/teams": {
            "post": {
                "tags": ["teams"], "description": "Forms a team; answers `201`.",
                "x-roles": ["province_officer", "district_officer"], "x-scope": "the caller's units",
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/FormTeam"}}}},
                "responses": {
                    "201": {"description": "Done", "content": {"application/json": {"schema": {"type": "object"}}}},
                    "409": PROBLEM,
                },
            },
        },
        "/teams/{team_id}": {
            "get": {
                "tags": ["teams"], "summary": "One team <b>bold</b>", "x-roles": ["anyone"],
                "parameters": [
                    {"name": "team_id", "in": "path", "required": True, "schema": {"type": "string"}},
                    {"name": "limit", "in": "query", "description": "Most items.",
                     "schema": {"type": "integer", "minimum": 1, "maximum": 500, "default": 50}},
                ],
                "responses": {"200": {"description": "OK"}, "404": PROBLEM},
            },
        },
        "/units": {"get": {"tags": ["units"], "responses": {"200": {"description": "OK"}}}},
    },
    "components": {"schemas": {
        "FormTeam": {
            "type": "object", "title": "FormTeam", "description": "A founding decision.",
            "required": ["name", "level"],
            "properties": {
                "name": {"type": "string", "minLength": 1, "maxLength": 200, "examples": ["Tổ thôn 1"]},
                "level": {"$ref": "#/components/schemas/Level", "default": "village"},
                "village": {"anyOf": [{"type": "string", "pattern": "^x$"}, {"type": "null"}],
                            "description": "Its village."},
                "members": {"type": "array", "maxItems": 500, "items": {"$ref": "#/components/schemas/Member"}},
            },
        },
        "Level": {"type": "string", "enum": ["district", "village"], "title": "Level"},
        "Member": {
            "type": "object", "title": "Member", "required": ["joined_on"],
            "properties": {"joined_on": {"type": "string", "format": "date"},
                           "boss": {"$ref": "#/components/schemas/Member"}},
        },
        "Problem": {"type": "object", "title": "Problem", "properties": {"detail": {"type": "string"}}},
    }},
}  # fmt: skip

HEADERS = {"type": "object", "required": ["ce-id"], "properties": {"ce-id": {"type": "string", "examples": ["0198"]}}}


def message(name: str, example: dict[str, Any]) -> dict[str, Any]:
    payload = {"type": "object", "title": name, "properties": {"team_id": {"type": "string"}}}
    return {"name": f"vn.cds.{name}.v1", "headers": HEADERS, "payload": payload, "examples": [{"payload": example}]}


ASYNCAPI: dict[str, Any] = {
    "asyncapi": "3.0.0",
    "info": {"title": "Registry", "version": "0.1.0", "description": "Units and teams."},
    "channels": {
        "team_formed": {
            "address": "cds.51.registry.team_formed.{district}.{commune}", "description": "A team.",
            "x-stream": "REGISTRY_51",
            "parameters": {"district": {"description": "Id of the district."}},
        },
        "unit_established": {"address": "cds.51.registry.unit_established", "x-stream": "REGISTRY_51"},
        "overview": {"address": "q.51.reporting.overview", "description": "Asks."},
        "tick": {"address": "tick.51.registry", "description": "It moved."},
        "event_parked": {"address": "notice.51.registry.event_parked", "description": "Set aside."},
    },
    "operations": {
        "team_formed": {"action": "send", "channel": {"$ref": "#/channels/team_formed"},
                        "messages": [{"$ref": "#/components/messages/formed"}]},
        "unit_established": {"action": "receive", "channel": {"$ref": "#/channels/unit_established"},
                             "messages": [{"$ref": "#/components/messages/established"}]},
        "overview": {"action": "receive", "channel": {"$ref": "#/channels/overview"}},
        "tick": {"action": "send", "channel": {"$ref": "#/channels/tick"}},
        "event_parked": {"action": "send", "channel": {"$ref": "#/channels/event_parked"}},
    },
    "components": {"messages": {
        "formed": message("team_formed", {"team_id": "golden-1"}),
        "established": message("unit_established", {"unit_id": "533"}),
    }},
}  # fmt: skip


def words(html: str) -> str:
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", html).split()))


def section(html: str, anchor: str) -> str:
    start = html.index(f'<section id="{anchor}"')
    return html[start : html.index("</section>", start)]


@pytest.fixture
def http() -> str:
    return docs.render_openapi(OPENAPI, lang="en", title="Registry")


@pytest.fixture
def events() -> str:
    return docs.render_asyncapi(ASYNCAPI, lang="en", title="Registry")


def test_every_operation_has_a_section_and_stands_in_the_contents_under_its_tag(http: str) -> None:
    assert re.findall(r'<section id="([^"]+)"', http) == ["post-teams", "get-teams-team_id", "get-units", "problem"]
    contents = words(http[http.index('<nav class="contents"') : http.index('<div class="reference"')])
    assert "teams POST /teams GET /teams/{team_id} units GET /units" in contents


def test_each_operation_says_who_may_call_it_and_for_which_units(http: str) -> None:
    found = words(section(http, "post-teams"))
    assert "Who may call province_officer , district_officer Within the caller's units" in found
    assert "anyone, no token needed" in words(section(http, "get-teams-team_id"))
    assert "Who may call" not in section(http, "get-units"), "a document that does not say it is not given words"


def test_parameters_show_their_place_type_limits_and_meaning(http: str) -> None:
    found = words(section(http, "get-teams-team_id"))
    assert "team_id path required string" in found
    assert "limit query integer ≥ 1, ≤ 500, default 50 Most items." in found


def test_the_body_shows_every_field_and_an_example_that_could_be_sent(http: str) -> None:
    found = words(section(http, "post-teams"))
    assert "name required string at least 1 characters, at most 200 characters for example Tổ thôn 1" in found
    assert "level required one of district, village default village" in found
    assert "village string or null ^x$ Its village." in found
    assert "members list of Member at most 500 items" in found
    assert "&#34;name&#34;: &#34;Tổ thôn 1&#34;" in section(http, "post-teams")


def test_refusals_lead_to_the_one_description_of_a_problem(http: str) -> None:
    assert '<a href="#problem"><code>409</code></a> Conflict' in section(http, "post-teams")
    assert "detail" in section(http, "problem")


def test_text_is_escaped_and_only_code_is_marked(http: str) -> None:
    assert "&lt;b&gt;bold&lt;/b&gt;" in http
    assert "answers <code>201</code>." in http


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_no_reference_page_needs_a_script_or_another_host(lang: Any) -> None:
    for page in (
        docs.render_openapi(OPENAPI, lang=lang, title="Registry"),
        docs.render_asyncapi(ASYNCAPI, lang=lang, title="Registry"),
    ):
        assert re.findall(r"<script|https?://|\sstyle=", page) == []
        assert f'<html lang="{lang}">' in page


def test_events_are_told_apart_from_followed_ones_from_questions_ticks_and_notices(events: str) -> None:
    contents = words(events[events.index('<nav class="contents"') : events.index('<div class="reference"')])
    assert (
        "Published event team_formed Followed event unit_established Answered question overview Tick tick"
        " Notice event_parked" in contents
    )


def test_an_event_shows_subject_stream_type_fields_and_its_committed_example(events: str) -> None:
    found = words(section(events, "team_formed"))
    assert "cds.51.registry.team_formed.{district}.{commune}" in found
    assert "Stream REGISTRY_51 Type vn.cds.team_formed.v1" in found
    assert "{district} Id of the district." in found
    assert "golden-1" in found


def test_headers_that_all_events_share_are_described_once(events: str) -> None:
    assert events.count('<code class="depth-0">ce-id</code>') == 1
    assert "ce-id" in section(events, "headers")


def test_headers_that_differ_are_described_with_their_event() -> None:
    other = {"type": "object", "properties": {"x-own": {"type": "string"}}}
    formed = {**ASYNCAPI["components"]["messages"]["formed"], "headers": other}
    messages = {**ASYNCAPI["components"]["messages"], "formed": formed}
    html = docs.render_asyncapi({**ASYNCAPI, "components": {"messages": messages}}, lang="en", title="Registry")
    assert "x-own" in section(html, "team_formed")
    assert "ce-id" in section(html, "unit_established")
    assert 'id="headers"' not in html


def test_a_schema_that_holds_itself_ends() -> None:
    schema = {"$ref": "#/components/schemas/Member"}
    assert max(field.depth for field in fields(schema, OPENAPI)) == 4
    assert sample(schema, OPENAPI)["boss"]["boss"]["joined_on"] == "2023-07-29"


@pytest.mark.parametrize(
    ("schema", "name"),
    [
        ({"type": "string", "format": "date"}, "date"),
        ({"type": "array", "items": {"type": "integer"}}, "list of integer"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "integer or null"),
        ({"const": "v1"}, "always v1"),
        ({}, "any value"),
    ],
)
def test_types_are_named_in_words(schema: dict[str, Any], name: str) -> None:
    assert type_name(schema, {}) == name


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string", "examples": [None]}, None),
        ({"type": "string", "enum": ["a", "b"]}, "a"),
        ({"type": "integer", "minimum": 5}, 5),
        ({"type": "boolean", "default": False}, False),
        ({"anyOf": [{"type": "null"}, {"type": "string", "format": "date"}]}, "2023-07-29"),
        ({"type": "array", "items": {"type": "string"}}, ["text"]),
    ],
)
def test_an_example_is_the_schema_s_own_or_a_value_that_fits(schema: dict[str, Any], value: Any) -> None:
    assert sample(schema, {}) == value
