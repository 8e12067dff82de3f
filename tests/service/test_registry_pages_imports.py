"""Pages of imports: upload, the dry run with errors beside the cells, choices, commit."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from typing import Any

import httpx

from services.registry.imports.kinds import Kind
from shared.auth import Role
from shared.contracts.registry import MemberJoined, TeamFormed
from shared.ids import new_id
from tests.support.pages import PAGE, goes, page, text_of
from tests.support.sheets import TEAM, filled, rows, upload
from tests.support.stack import Stack
from tests.support.world import MO_DUC

NOW = datetime(2025, 8, 1, 1, tzinfo=UTC)


async def checked(client: httpx.AsyncClient, data: bytes, kind: str = "teams-and-members") -> str:
    """The address of an upload that is checked."""
    sent = await client.post("/so/nhap", data={"kind": kind}, files={"file": ("to.xlsx", data)})
    assert sent.status_code == 303, text_of(sent, sent.status_code)
    for _ in range(200):
        if "data-poll" not in (await client.get(sent.headers["location"])).text:
            break
        await asyncio.sleep(0.05)
    return str(sent.headers["location"])


def a_line(name: str, **changed: Any) -> dict[str, Any]:
    """A member of a good team."""
    return {**TEAM, "full_name": name, **changed}


async def test_a_file_is_checked_shown_with_its_errors_beside_the_cells_and_its_good_lines_are_written(
    running: Stack,
) -> None:
    officer = running.client(Role.DISTRICT_OFFICER, units=[MO_DUC], subject=new_id())
    name = f"Tổ {new_id()}"
    lines = [a_line("Lê Thị An", team_name=name), a_line("Võ Văn Bình", team_name=name, joined_on="31/02/2023")]
    address = await checked(officer, filled(lines))
    answer = await officer.get(address)
    assert "1 dòng chưa ghi được, 1 dòng sẵn sàng" in text_of(answer)
    wrong = re.search(r'<td[^>]* class="is-wrong"[^>]*>31/02/2023.*?</td>', answer.text, re.DOTALL)
    assert wrong
    below = answer.text[wrong.end() :]
    told = re.search(r'class="reasons is-refused"><td role="cell" colspan="(\d+)">(.*?)</tr>', below, re.DOTALL)
    assert told, "why a line is refused stands in a line of the whole width below it"
    assert int(told[1]) == len(re.findall(r'<th role="columnheader" scope="col"', answer.text))
    assert re.search(r'<b>Ngày tham gia[^<]*:</b> <span class="wrong">[^<]*31/02/2023', told[2]), told[2]
    named = re.search(r'aria-describedby="([^"]+)"', wrong[0])
    assert named
    assert f'id="{named[1]}"' in told[2]
    refused = await officer.post(address, data={"mode": "all_or_nothing"})
    assert "1 dòng chưa ghi được, 1 dòng sẵn sàng" in text_of(refused, 422)
    goes(await officer.post(address, data={"mode": "good_rows"}), to=address)
    assert "Đã ghi 1 dòng, 1 dòng để lại" in await page(officer, address)
    joined = await running.log("registry", MemberJoined)
    formed = [e for e in await running.log("registry", TeamFormed) if isinstance(e, TeamFormed) and e.name == name]
    assert [e.key() for e in joined if isinstance(e, MemberJoined) and e.team_id == formed[0].team_id]
    assert "to.xlsx" in await page(officer, "/so/nhap")


async def test_a_form_without_a_file_and_a_file_that_is_no_workbook_are_refused_in_words(running: Stack) -> None:
    officer = running.client(Role.DISTRICT_OFFICER, units=[MO_DUC], subject=new_id())
    empty = await officer.post("/so/nhap", data={"kind": "villages"})
    assert "Hãy chọn một tệp .xlsx, .xls hoặc .ods." in text_of(empty, 422)
    assert re.search(r'value="villages" checked', empty.text)
    files = {"file": ("a.xlsx", b"%PDF-1.7 no workbook")}
    not_one = await officer.post("/so/nhap", data={"kind": "villages"}, files=files)
    assert "Đây không phải bảng tính .xlsx, .xls hay .ods" in text_of(not_one, 422)
    address = await checked(officer, rows([["Không", "phải", "biểu mẫu"]]))
    assert "Không đọc được tệp này; chưa ghi gì" in await page(officer, address)
    stranger = running.client(Role.DISTRICT_OFFICER, units=[MO_DUC], subject=new_id())
    assert "Không có tệp tải lên" in await page(stranger, address, 404)
    large = await officer.post("/so/nhap", data={"kind": "villages"}, files={"file": ("x", b"0" * 21_000_000)})
    assert large.status_code == 413
    assert large.headers["content-type"] == PAGE


async def test_a_file_of_another_form_is_refused_with_the_way_to_the_form_that_it_is(running: Stack) -> None:
    officer = running.client(Role.DISTRICT_OFFICER, units=[MO_DUC], subject=new_id())
    failed = await upload(officer, filled([a_line("Lê An")]), "villages")
    problem = failed["problem"]
    assert (failed["state"], problem["type"], problem["seems"]) == (
        "failed", "urn:cds:problem:wrong_form", "teams-and-members",
    )  # fmt: skip
    assert set(problem["messages"]) == {"vi", "en"}
    path = f"/so/nhap/{failed['import_id']}"
    html = (await officer.get(f"{path}?lang=vi")).text
    assert "có các cột của biểu mẫu «Tổ và thành viên», không phải «Thôn, bản, tổ dân phố»" in html
    assert re.search(r'<a class="go" href="/so/nhap\?kind=teams-and-members">Tải lên lại là «Tổ và thành viên»', html)
    assert "Upload it again as «Teams and members»" in await page(officer, path, lang="en")
    start = (await officer.get("/so/nhap?kind=teams-and-members&lang=vi")).text
    assert re.search(r'value="teams-and-members" checked', start)
    data = filled([{"name": "Sở Y tế", "sector": "department"}], Kind.ORGANISATIONS)
    of_the_province = await upload(officer, data, "villages")
    assert of_the_province["problem"]["seems"] == "organisations"
    html = (await officer.get(f"/so/nhap/{of_the_province['import_id']}")).text
    assert "kind=organisations" not in html, "a district's officer may not upload these"


async def test_an_ambiguous_name_is_chosen_on_the_page(running: Stack, officer: httpx.AsyncClient) -> None:
    name = f"Tổ {new_id()}"
    address = await checked(officer, filled([a_line("Bùi Văn Chọn", team_name=name, unit="Phường Nguyễn Nghiêm")]))
    html = (await officer.get(address)).text
    assert "1 ô có thể hiểu nhiều cách" in html
    offered = re.findall(r'<option lang="vi" value="([^"]+)"', html[html.index('name="choice.0"') :])
    assert len(offered) == 2
    goes(await officer.post(address, data={"mode": "all_or_nothing", "choice.0": offered[1]}), to=address)
    formed = [e for e in await running.log("registry", TeamFormed) if isinstance(e, TeamFormed) and e.name == name]
    assert [e.unit_id for e in formed] == [offered[1]]
