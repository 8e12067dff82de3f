"""Who looks at a page, as the layout names them: a role and a unit, never a name."""

from __future__ import annotations

from typing import TypedDict

from starlette.requests import Request

from shared.auth import COOKIE, OFFICERS, Authenticator, Caller, Role
from shared.errors import Problem

_TITLES: dict[Role, tuple[str, str]] = {
    Role.PROVINCE_OFFICER: ("Cán bộ tỉnh", "Province officer"),
    Role.DISTRICT_OFFICER: ("Cán bộ huyện", "District officer"),
    Role.COMMUNE_OFFICER: ("Cán bộ xã", "Commune officer"),
    Role.TEAM_LEADER: ("Tổ trưởng", "Team leader"),
    Role.MEMBER: ("Thành viên", "Member"),
    Role.LEARNER: ("Học viên", "Learner"),
    Role.OPERATOR: ("Vận hành", "Operator"),
}


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
    vi, en = _TITLES[next((role for role in _TITLES if caller.has(role)), Role.LEARNER)]
    keeps = caller.has(*OFFICERS, Role.OPERATOR)
    return Viewer(
        role_vi=vi,
        role_en=en,
        unit_name=unit_name,
        is_officer=caller.has(*OFFICERS),
        keeps_registry=keeps,
        sees_teams=keeps or caller.has(Role.TEAM_LEADER),
    )
