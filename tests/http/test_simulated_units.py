"""The simulation asks for all units of the launch, also where villages have filled the first page."""

from __future__ import annotations

import pytest

from phongtrao import simulate
from phongtrao.client import Api
from tests.http.site import Site


async def test_units_of_every_page_are_found_and_villages_left_out(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulate, "PAGE", 50)
    token = site.everything["authorization"].removeprefix("Bearer ")
    async with Api(site.url, lambda _: token, patience=10) as api:
        assert await simulate.load_units(api) == 1 + 13 + 173
