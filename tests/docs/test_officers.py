"""docs/officers.md names every page of the registry, in both languages, and no page that there is not."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

from services.registry import web
from services.registry.web.visit import HOME

PAGE = (Path(__file__).parents[2] / "docs" / "officers.md").read_text(encoding="utf-8")


def addresses() -> set[str]:
    """Where there is something to read, an id as «…»."""
    found = set()
    for module in pkgutil.iter_modules(web.__path__):
        routes = getattr(importlib.import_module(f"{web.__name__}.{module.name}"), "routes", None)
        for route in routes.routes if isinstance(routes, APIRouter) else ():
            if isinstance(route, APIRoute) and "GET" in (route.methods or ()):
                found.add(HOME + re.sub(r"\{\w+\}", "…", route.path).rstrip("/"))
    return found


@pytest.mark.parametrize("part", PAGE.split("## English"), ids=["vi", "en"])
def test_every_page_is_named(part: str) -> None:
    cells = [line.split("|")[1] for line in part.splitlines() if line.startswith("| `")]
    named = [address for cell in cells for address in re.findall(r"`([^`]+)`", cell)]
    assert len(named) == len(set(named))
    assert set(named) == addresses()
