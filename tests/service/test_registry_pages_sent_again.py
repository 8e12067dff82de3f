"""Forms of registry's pages that come back for another reason than what was typed: nobody chosen yet, a session that
ended, a form that was saved before. What was typed is there, and it can be sent again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

import httpx
import pytest

from shared.ids import new_id
from tests.support.forms import shown
from tests.support.pages import text_of
from tests.support.world import TOWN, a_member, ok, team_of

NOW = datetime(2025, 8, 1, 1, tzinfo=UTC)


async def test_whom_a_request_is_from_is_looked_for_without_losing_what_was_typed(
    officer: httpx.AsyncClient,
) -> None:
    team_id, _, _ = await team_of(officer, TOWN)
    await ok(officer.post(f"/registry/teams/{team_id}/members", json=a_member(full_name="Bùi Văn Một")), 201)
    typed = {"kind": "erasure", "on": "1-8-25", "at": "7h05"}
    refused = await officer.post("/so/yeu-cau/ghi?lang=vi", data={**typed, "request_id": new_id(), "q": ""})
    assert "Hãy tìm và chọn người yêu cầu trước." in text_of(refused, 422)
    found = await officer.get("/so/yeu-cau/ghi", params={**dict(hidden_in_search(refused.text)), "q": "bui van"})
    assert {name: shown(found.text).fields[name].value for name in typed} == typed


def hidden_in_search(html: str) -> list[tuple[str, str]]:
    """What the form that looks for people carries on."""
    form = html[html.index('role="search"') :]
    return re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form[: form.index("</form>")])


async def signed_out(client: httpx.AsyncClient, path: str, typed: Mapping[str, str], site: str) -> httpx.Response:
    """The form as a browser sends it whose session has ended, from a page of this site or of another."""
    request = client.build_request("POST", path, data=dict(typed), headers={"sec-fetch-site": site})
    del request.headers["authorization"]
    return await client.send(request)


async def test_a_form_that_is_sent_after_the_session_ended_is_handed_back_to_be_sent_again(
    officer: httpx.AsyncClient,
) -> None:
    team_id, _, _ = await team_of(officer, TOWN)
    path = f"/so/to/{team_id}/doi-ten"
    typed = {"name": "Tổ «Mới» & <b>\"'", "effective_on": "hôm nọ", "key": new_id()}
    for lang, words in (("vi", "còn ở đây: đăng nhập ở một thẻ khác"), ("en", "still here: sign in in another tab")):
        refused = await signed_out(officer, f"{path}?lang={lang}", typed, "same-origin")
        assert words in text_of(refused, 401)
        kept = {name: field.value for name, field in shown(refused.text).fields.items()}
        assert kept == typed
        again = await officer.post(path, data=kept)
        assert shown(again.text).fields["effective_on"].wrong
    forged = await signed_out(officer, path, typed, "cross-site")
    assert text_of(forged, 403)
    assert typed["key"] not in forged.text, "what another site sends is not offered to be sent"


@pytest.mark.parametrize(
    ("at", "own_id", "changed"),
    [("/so/to/lap", "team_id", "name"), ("/so/to/{team}/them", "member_id", "full_name"),
     ("/so/to/{team}/doi-ten", "key", "name"), ("/so/dau-moi/them?unit_id=21400", "contact_id", "full_name")],
)  # fmt: skip
async def test_a_form_of_something_that_was_saved_is_not_stuck_when_it_is_changed_and_sent_again(
    officer: httpx.AsyncClient, at: str, own_id: str, changed: str
) -> None:
    team_id, _, _ = await team_of(officer, TOWN)
    path = at.replace("{team}", team_id)
    there = {name: field.value for name, field in shown((await officer.get(path)).text).fields.items()}
    typed = {
        "unit_id": TOWN,
        "level": "commune",
        "decision_number": "1",
        "decision_date": "1/7/23",
        "formed_on": "3/7/23",
    }
    typed = {name: there[name] or typed.get(name, "") for name in there} | {changed: f"Tên {new_id()}"}
    assert (await officer.post(path, data=typed)).status_code == 303
    typed[changed] = f"Tên {new_id()}"
    back = await officer.post(f"{path}{'&' if '?' in path else '?'}lang=vi", data=typed)
    assert "đã được gửi và lưu một lần với nội dung khác" in text_of(back, 409)
    kept = {name: field.value for name, field in shown(back.text).fields.items()}
    assert {name for name in typed if kept[name] != typed[name]} == {own_id}
    assert (await officer.post(path, data=kept)).status_code == 303
