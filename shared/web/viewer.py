"""Who looks at a page, as the layout names them: a role and a unit, never a name."""

from __future__ import annotations

from typing import TypedDict

from starlette.requests import Request

from shared.auth import COOKIE, OFFICERS, ROLE_NAMES, Authenticator, Caller, Role, widest
from shared.errors import Problem


class Viewer(TypedDict):
    """The signed-in person as the layout shows them."""

    role_vi: str
    role_en: str
    unit_name: str
    is_officer: bool
    keeps_registry: bool
    sees_teams: bool


def signed_in(request: Request, authenticator: Authenticator) -> Caller | None:
    """Who is signed in with this browser; nobody when there is no valid token."""
    header = request.headers.get("authorization")
    cookie = request.cookies.get(COOKIE)
    if header is None and cookie is None:
        return None
    try:
        return authenticator.caller(header or f"Bearer {cookie}")
    except Problem:
        return None


def viewer(caller: Caller, unit_name: str) -> Viewer:
    """The words for a caller of a unit."""
    vi, en = widest(caller.roles) or ROLE_NAMES[Role.LEARNER]
    keeps = caller.has(*OFFICERS, Role.OPERATOR)
    return Viewer(
        role_vi=vi.capitalize(),
        role_en=en.capitalize(),
        unit_name=unit_name,
        is_officer=caller.has(*OFFICERS),
        keeps_registry=keeps,
        sees_teams=keeps or caller.has(Role.TEAM_LEADER),
    )
