"""The demonstration could not be set up: the sign-in page says so, why, and where to look."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from phongtrao import sign_in, up
from phongtrao.client import Api
from phongtrao.demo_clock import AFTER_REFORMS, Moment
from phongtrao.demonstration import Demonstration
from phongtrao.instance import Folder
from shared.errors import Problem
from tests.support.pages import text_of
from tests.support.stack import KEY


def refusing() -> Api:
    """An address that refuses whatever is asked."""
    api = Api("http://refuses", lambda _: "token")
    answer = httpx.MockTransport(lambda _: httpx.Response(409, text="units_missing"))
    api._client = httpx.AsyncClient(base_url="http://refuses", transport=answer)
    return api


def pages_of(demo: Demonstration) -> AsyncClient:
    app = FastAPI()
    app.include_router(sign_in.routes(SimpleNamespace(), [], KEY, demo))  # type: ignore[arg-type]
    return AsyncClient(transport=ASGITransport(app), base_url="http://here")


@pytest.mark.expects_errors
async def test_the_page_says_that_it_failed_why_and_where_to_look(tmp_path: Path) -> None:
    demo, folder, said = Demonstration(tmp_path / "clock.json", Moment(), 1000), Folder(tmp_path), list[str]()
    async with pages_of(demo) as site:
        assert "đang được dựng" in text_of(await site.get("/sign-in", params={"lang": "vi"}))
        async with refusing() as api:
            await up._play(demo, api, folder, said.append)
        failed = text_of(await site.get("/sign-in", params={"lang": "vi"}))
        english = text_of(await site.get("/sign-in", params={"lang": "en"}))
    assert "đang được dựng" not in failed
    assert "Không dựng được tỉnh chạy thử" in failed
    assert "Lý do: Refusal: GET /registry/units: 409 units_missing" in failed
    assert str(folder.log) in failed
    assert "The trial province could not be set up" in english
    assert "the simulation failed (Refusal" in said[-1]
    with pytest.raises(Problem) as refused:
        await demo.jump()
    assert (refused.value.status, refused.value.slug) == (409, "not_set_up")


async def test_what_fails_once_the_province_is_set_up_does_not_say_that_it_is_not(tmp_path: Path) -> None:
    demo = Demonstration(tmp_path / "clock.json", Moment(), 1000)
    demo.fail(RuntimeError(""), tmp_path / "log")
    assert demo.failure
    assert demo.failure.why == "RuntimeError"
    demo.clock.jump(AFTER_REFORMS)
    assert demo.failure is None
