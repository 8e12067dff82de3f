"""The four services by name. The one place that knows them all; each is imported when it is asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from shared.service import Spec

SERVICES = ("registry", "outreach", "courses", "reporting")
"""In the order in which they start; producers before those who follow them."""


def spec(name: str) -> Spec:
    """What a service is made of. Raises KeyError for a name that is none of SERVICES."""
    if name not in SERVICES:
        raise KeyError(name)
    return cast("Spec", importlib.import_module(f"services.{name}.app").SPEC)


def specs() -> list[Spec]:
    """All four, in order."""
    return [spec(name) for name in SERVICES]
