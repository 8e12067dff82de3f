"""Requests that nobody should send: each is refused with the field and what to do, in both languages; none fails."""

from __future__ import annotations

import json
import socket
import unicodedata
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from shared.auth import Role
from tests.http.commands import COMMANDS, GUARDED, SAMPLES, WITH_BODY, Command, all_operations, as_fields, as_sent
from tests.http.site import KNOWN, Site
from tests.support.world import a_team, an_item, refused

JSON = {"content-type": "application/json"}
MEGABYTES = b"[" + b" " * 10_000_000 + b"]"


def said(answer: httpx.Response, status: int | set[int], slug: str | None = None) -> dict[str, Any]:
    """A problem in both languages that names a field and hides nothing behind English."""
    assert answer.status_code in (status if isinstance(status, set) else {status}), answer.text[:500]
    field = answer.json()["errors"][0]["field"]
    assert field.isprintable()
    assert len(field) <= 200
    problem = refused(answer, answer.status_code, slug or answer.json()["type"].rsplit(":", 1)[1], field)
    assert "giá trị không hợp lệ" not in json.dumps(problem, ensure_ascii=False)
    return problem


def test_every_command_has_a_sample_here() -> None:
    assert {command.name for command in COMMANDS} == set(SAMPLES)


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_the_samples_are_taken(officer: httpx.Client, command: Command) -> None:
    ids = command.sample.anew(officer) or _free(command)
    answer = command.send(officer, command.sample.body(), ids=ids)
    assert answer.status_code in {200, 201, 202}, answer.text


def _free(command: Command) -> dict[str, str]:
    """An id that nobody has used, where the client makes it for the path."""
    return {"guidance_id": str(a_team()["team_id"])} if command.name.startswith("PUT ") else {}


# -- size and form ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", WITH_BODY, ids=str)
def test_ten_megabytes_are_too_much_said_beforehand_or_not(officer: httpx.Client, command: Command) -> None:
    method = command.name.split(" ")[0]

    def in_parts() -> Iterator[bytes]:
        for begin in range(0, len(MEGABYTES), 100_000):
            yield MEGABYTES[begin : begin + 100_000]

    for content in (MEGABYTES, in_parts()):
        answer = officer.request(method, command.url(), content=content, headers=JSON)
        problem = said(answer, 413, "body_too_large")
        assert "nhiều nhất 2 MB" in problem["messages"]["vi"]
        assert "at most 2 MB" in problem["errors"][0]["message"]["en"]
    assert officer.get("/registry/healthz").status_code == 200


def test_501_items_are_too_many_and_500_are_not(officer: httpx.Client) -> None:
    batch = {"campaign_id": "qn-2023", "items": [an_item("m1") for _ in range(501)]}
    problem = said(officer.post("/outreach/guidances", json=batch), 422, "invalid_data")
    assert problem["errors"][0]["field"] == "items"
    assert "500" in problem["messages"]["vi"]
    answer = officer.post("/outreach/guidances", json={**batch, "items": batch["items"][1:]})
    assert answer.json()["accepted"] == 500


UNREADABLE = {
    "no JSON": b"name=An",
    "half a JSON": b'{"name": "An"',
    "empty": b"",
    "not UTF-8": b'{"name": "\xff\xfe"}',
    "nested too deep": b"[" * 100_000,
    "nested too deep but whole": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "an endless number": b'{"quota": ' + b"9" * 10_000 + b"}",
    "a list": b"[]",
    "a text": b'"An"',
    "null": b"null",
    "a lone surrogate": b'"\\ud800"',
    "a number beyond all": b"1e999",
    "not a number": b"NaN",
}


@pytest.mark.parametrize("command", WITH_BODY, ids=str)
def test_a_body_that_is_no_object_is_refused(officer: httpx.Client, command: Command) -> None:
    method = command.name.split(" ")[0]
    for name, content in UNREADABLE.items():
        if content in (b"", b"null") and not command.says["requestBody"].get("required"):
            continue  # nothing may be sent there
        answer = officer.request(method, command.url(), content=content, headers=JSON)
        problem = said(answer, 422)
        assert problem["errors"][0]["field"] in {"body", "name", "quota", *_required(command)}, name


def _required(command: Command) -> list[str]:
    return [*command.schema().get("required", ()), "a"]


@pytest.mark.parametrize("command", WITH_BODY, ids=str)
def test_what_is_not_said_to_be_json_is_not_read(officer: httpx.Client, command: Command) -> None:
    method = command.name.split(" ")[0]
    content = json.dumps(command.sample.body())
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "nonsense"):
        answer = officer.request(method, command.url(), content=content, headers={"content-type": kind})
        assert said(answer, 415, "not_json")["errors"][0]["field"] == "Content-Type"


# -- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", WITH_BODY, ids=str)
def test_characters_that_no_text_may_have_are_refused_by_field(officer: httpx.Client, command: Command) -> None:
    for field in command.fields(kind="string"):
        for odd in ("\x00", "a\x00b", "a\x1bb", "a\x7fb", "\ud800", "a\udfff"):
            answer = _send_raw(officer, command, {**command.sample.fields(), field: odd})
            assert said(answer, 422, "invalid_data")["errors"][0]["field"] == field
    for name in ("\x00", "x\ud800", "y" * 10_000):
        said(_send_raw(officer, command, {**command.sample.fields(), name: 1}), 422, "invalid_data")


def _send_raw(officer: httpx.Client, command: Command, body: Any) -> httpx.Response:
    """With what only a \\u escape can carry."""
    method = command.name.split(" ")[0]
    return officer.request(method, command.url(), content=json.dumps(body), headers=JSON)


DAYS = ["0001-01-01", "1989-12-31", "2101-01-01", "9999-12-31", "2023-02-30", "28/7/2023", "", "today", 1e20, None, {}]
MOMENTS = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2023-07-29T19:30:00", "2023-07-29T25:00:00+07:00",
           "28/7/2023 19:30", 1e20, -1e20, {}]  # fmt: skip
NUMBERS = [-1, 10**30, -(10**30), 1e308, 1.5, "many", [], {}]


@pytest.mark.parametrize("command", WITH_BODY, ids=str)
def test_days_and_numbers_out_of_this_world_are_refused_by_field(officer: httpx.Client, command: Command) -> None:
    for kind, form, values in (
        ("string", "date", DAYS), ("string", "date-time", MOMENTS), ("integer", None, NUMBERS),
    ):  # fmt: skip
        for field in command.fields(kind=kind, form=form):
            optional = field not in command.schema().get("required", ())
            for value in values:
                if value is None and optional:
                    continue
                answer = command.send(officer, {**command.sample.fields(), field: value}, ids=_free(command))
                assert said(answer, 422, "invalid_data")["errors"][0]["field"] == field, value


@pytest.mark.parametrize("command", WITH_BODY, ids=str)
def test_every_field_of_a_wrong_type_and_every_missing_one_is_named(officer: httpx.Client, command: Command) -> None:
    for field in command.schema().get("properties", {}):
        answer = command.send(officer, {**command.sample.fields(), field: {"an": ["object"]}}, ids=_free(command))
        if field != "answers":  # which is an object: here with a question that the quiz does not have
            assert said(answer, 422)["errors"][0]["field"].split(".")[0] == field
    for field in command.schema().get("required", ()):
        body = {name: value for name, value in command.sample.fields().items() if name != field}
        problem = said(command.send(officer, body, ids=_free(command)), 422, "invalid_data")
        assert [e["field"] for e in problem["errors"]] == [field]


@pytest.mark.parametrize(
    "day", ["28/7/2023", "2023-13-01", "2023-02-30", "hôm qua", "2023-07-28T10:00:00", "99999999999"]
)
def test_a_bad_day_in_a_query_is_told_the_form_that_is_wanted(officer: httpx.Client, day: str) -> None:
    problem = said(officer.get("/registry/units", params={"on": day, "level": "commune"}), 422, "invalid_data")
    for language, said_so in (("vi", "phải là ngày có thật"), ("en", "must be a real day")):
        assert said_so in problem["messages"][language]
        assert "2023-07-28" in problem["errors"][0]["message"][language]
        assert "valid date" not in problem["messages"][language]


def test_decomposed_vietnamese_is_kept_composed(officer: httpx.Client) -> None:
    composed = "Thị trấn Mộ Đức, Hoà Bình"
    typed = unicodedata.normalize("NFD", composed)
    assert typed != composed
    organisation = {"organisation_id": a_team()["team_id"], "name": typed, "sector": "press"}
    assert officer.post("/registry/organisations", json=organisation).status_code == 201
    team = a_team(level="village", name=typed, village=typed, decision_number=typed)
    assert officer.post("/registry/teams", json=team).status_code == 201
    shown = officer.get(f"/registry/teams/{team['team_id']}").json()
    assert [shown[n] for n in ("name", "village", "decision_number")] == [composed] * 3
    listed = officer.get("/registry/organisations", params={"limit": 500}).json()["items"]
    assert [o["name"] for o in listed if o["organisation_id"] == organisation["organisation_id"]] == [composed]
    again = officer.post("/registry/organisations", json={**organisation, "name": composed})
    assert again.status_code == 201, "the same name, typed on another keyboard, is the same content"


# -- addresses --------------------------------------------------------------------------------------------------------

ODD = ["%00", "a%00b", "%0A", "a%0Ab", "%ED%A0%80", "%FF", "a%20b", "%2e%2e", "a%2fb", "%E2%80%AE", "x" * 65, "%25",
       "'%3B%20drop%20table%20team%3B--"]  # fmt: skip


@pytest.mark.parametrize("operation", [o for o in all_operations() if o.path_parameters], ids=str)
def test_odd_ids_in_a_path_are_refused(officer: httpx.Client, operation: Command) -> None:
    method = operation.name.split(" ")[0]
    body = operation.sample.body() if operation.name in SAMPLES else None
    for parameter in operation.path_parameters:
        for odd in ODD:
            answer = officer.request(method, operation.url(**{parameter: odd}), **as_sent(body))
            assert answer.status_code in {404, 405, 422}, (odd, answer.text)
            assert answer.headers["content-type"] == "application/problem+json", odd


@pytest.mark.parametrize("operation", [o for o in all_operations() if o.name.startswith("GET ")], ids=str)
def test_odd_values_in_a_query_never_fail(officer: httpx.Client, operation: Command) -> None:
    queried = [p["name"] for p in operation.says.get("parameters", ()) if p["in"] == "query"]
    for parameter in queried:
        for odd in (*ODD, "-1", "1e308", "9" * 40, "", "true", "NaN"):
            needed = {**operation.must_be_asked, parameter: odd}
            with officer.stream("GET", f"{operation.url()}?{'&'.join(map('='.join, needed.items()))}") as answer:
                assert answer.status_code in {200, 404, 422}, (parameter, odd)
                if answer.status_code != 200:  # and /live has no end
                    answer.read()
                    assert said(answer, {404, 422})["errors"][0]["field"] == parameter


@pytest.mark.parametrize("path", ["overview", "maps", "units", "teams", "members", "organisations", "daily"])
def test_a_slip_in_a_filters_name_does_not_get_the_answer_to_something_else(officer: httpx.Client, path: str) -> None:
    refused(officer.get(f"/reporting/{path}", params={"campagin": "qn-2022"}), 422, "invalid_data", "campagin")


def test_a_word_that_is_none_of_a_list_is_told_which_there_are(officer: httpx.Client) -> None:
    problem = refused(officer.get("/reporting/daily", params={"by": "x"}), 422, "invalid_data", "by")
    assert problem["errors"][0]["message"]["vi"] == "phải là một trong: 'occurred' hoặc 'received'"


@pytest.mark.parametrize("operation", [o for o in all_operations() if o.path_parameters], ids=str)
def test_unknown_ids_are_not_found(officer: httpx.Client, operation: Command) -> None:
    body = operation.sample.body() if operation.name in SAMPLES else None
    for parameter in operation.path_parameters:
        if operation.name.startswith("PUT ") and parameter == "guidance_id":
            continue  # made by the client: unknown is as it should be
        unknown = "1997" if parameter == "edition" else "nobody"
        answer = operation.send(officer, body, ids={parameter: unknown})
        assert said(answer, 404)["errors"][0]["field"] == parameter


def test_an_address_that_is_not_there_is_a_problem_too(anyone: httpx.Client) -> None:
    for path, begin in (
        ("/registry", "/"),
        ("/registry/", "/registry/docs"),
        ("/registry/nothing", "/registry/docs"),
        ("/outreach/campaigns/a/b/c", "/outreach/docs"),
        ("/nothing/at/all", "/"),
        ("/reg%0Aistry", "/registry/docs"),
    ):
        answer = anyone.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json"), path
        assert {m.rsplit(" ", 1)[1] for m in answer.json()["messages"].values()} == {f"{begin}."}, path
        assert anyone.get(begin).status_code == 200
    seen = anyone.get("/nothing/at/all", headers={"accept": "text/html,*/*;q=0.8"})
    assert (seen.status_code, seen.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "Địa chỉ này không có. Hãy bắt đầu từ /." in seen.text
    answer = anyone.delete("/registry/teams")
    assert (answer.status_code, answer.headers["content-type"]) == (405, "application/problem+json")
    assert answer.headers["allow"]
    assert answer.json()["messages"].keys() == {"vi", "en"}


@pytest.mark.parametrize("target", ["*", "nothing", "registry/teams"])
def test_a_target_that_is_no_path_is_not_found(anyone: httpx.Client, target: str) -> None:
    """Written by hand: no client sends such a line."""
    url = anyone.base_url
    with socket.create_connection((url.host, url.port or 80), timeout=10) as line:
        line.sendall(f"OPTIONS {target} HTTP/1.1\r\nHost: {url.host}\r\nConnection: close\r\n\r\n".encode())
        with line.makefile("rb") as answer:
            assert answer.readline().split()[1] in {b"400", b"404", b"405"}


def test_a_large_answer_to_a_command_is_compressed_and_a_small_one_is_not(officer: httpx.Client) -> None:
    items = [an_item(f"nobody-{n}") for n in range(30)]
    for some, coded in ((items, "gzip"), (items[:1], None)):
        body = {"campaign_id": "qn-2023", "items": some}
        answer = officer.post("/outreach/guidances", json=body, headers={"accept-encoding": "gzip"})
        assert len(answer.json()["receipts"]) == len(some)
        assert answer.headers.get("content-encoding") == coded
        plain = officer.post("/outreach/guidances", json=body, headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.json() == answer.json()


def test_the_reader_s_language_decides_what_is_said_first(anyone: httpx.Client) -> None:
    for asked, language in (("", "vi"), ("en", "en"), ("en-GB,en;q=0.9", "en"), ("vi,en;q=0.5", "vi"), ("de", "vi")):
        answer = anyone.get("/registry/teams", headers={"accept-language": asked})
        problem = refused(answer, 401, "token_needed", "Authorization")
        assert answer.headers["content-language"] == language
        assert problem["detail"] == problem["messages"][language]
        assert answer.headers["www-authenticate"] == "Bearer"


# -- sent again -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.sample.id_field], ids=str)
def test_the_same_again_is_answered_the_same_and_another_body_is_a_conflict(
    officer: httpx.Client, command: Command
) -> None:
    ids = command.sample.anew(officer) or _free(command)
    if "guidances" in command.name and "withdraw" in command.name:
        ids = {"guidance_id": "g9"}
    key = {"Idempotency-Key": str(a_team()["team_id"])}
    body = command.sample.body()
    first, again = [command.send(officer, body, ids=ids, headers=key) for _ in range(2)]
    assert first.is_success, first.text
    assert again.is_success, again.text
    assert {**first.json(), "pos": None} == {**again.json(), "pos": None}
    clash = command.send(officer, {**as_fields(body), **command.sample.change}, ids=ids, headers=key)
    assert said(clash, 409)["errors"][0]["field"] == command.sample.id_field


# -- who calls --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_every_other_role_is_refused(site: Site, anyone: httpx.Client, command: Command) -> None:
    for role in set(Role) - set(command.roles):
        headers = site.headers(role, units=["51"], member_id="m1", team_id="t1")
        answer = command.send(anyone, command.sample.body(), ids=_free(command), headers=headers)
        refused(answer, 403, "role_not_allowed", "Authorization")


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_a_unit_that_is_not_the_caller_s_is_refused(site: Site, anyone: httpx.Client, command: Command) -> None:
    outside = command.sample.outside
    if outside is None:
        assert command.roles == [Role.LEARNER], f"{command}: who may act for whom?"
        return
    for role in command.roles:
        for units in ([], ["48"], ["536"]):
            own = {"subject": "another"} if outside == "subject" else {}
            headers = site.headers(Role(role), units=units, member_id="m9", team_id="t9", **own)
            answer = command.send(anyone, command.sample.body(), ids=_free(command), headers=headers)
            if outside == "items":
                assert [r["why"]["slug"] for r in answer.json()["receipts"]] == ["outside_your_unit"]
            elif outside == "lines":
                assert answer.status_code == 202, "each line is looked at by itself, and once more when it is written"
            elif outside == "subject":
                refused(answer, 404, "no_such_import", "import_id")
            elif outside.startswith("rows."):
                refused(answer, 422, "rows_refused", outside)
            else:
                refused(answer, 403, "outside_your_unit", outside)


@pytest.mark.parametrize("operation", GUARDED, ids=str)
def test_without_a_token_nobody_is_let_in(anyone: httpx.Client, operation: Command) -> None:
    body = operation.sample.body() if operation.name in SAMPLES else None
    method = operation.name.split(" ")[0]
    for header in ({}, {"authorization": ""}, {"authorization": "Bearer"}, {"authorization": "Basic YTpi"}):
        answer = anyone.request(method, operation.url(), headers=header, **as_sent(body))
        refused(answer, 401, "token_needed", "Authorization")
    never = anyone.request(method, operation.url(), **as_sent(body), params={"min_pos": "registry:999999"})
    refused(never, 401, "token_needed", "Authorization")
    assert set(KNOWN) >= set(operation.path_parameters)


def test_fifty_megabytes_of_a_file_are_answered_in_words(officer: httpx.Client) -> None:
    def in_parts() -> Iterator[bytes]:
        for _ in range(50):
            yield b"\0" * 1_000_000

    for content in (b"\0" * 50_000_000, in_parts()):
        answer = officer.post("/registry/imports/villages", content=content)
        assert said(answer, 413, "file_too_large")["errors"][0]["field"] == "file"
    assert officer.get("/registry/healthz").status_code == 200
