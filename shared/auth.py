"""Who calls, and for which unit: ES256 bearer tokens with OIDC claims (RFC 7519, OpenID Connect Core).

A token says `roles`, `units` (ids of the units that the caller may act for, with everything below them), and for
people on a team `member_id` and `team_id`; for learners `organisation_id`. Each endpoint names the roles that may call
it, and each command checks the unit it acts on.
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet
from starlette.requests import Request

from shared import errors
from shared.errors import Text

COOKIE = "phongtrao_token"
"""Holds the token of somebody who signed in with a browser; set it HttpOnly and SameSite=Strict."""
_CACHE = 10_000


class Role(StrEnum):
    """What a caller is."""

    PROVINCE_OFFICER = "province_officer"
    DISTRICT_OFFICER = "district_officer"
    COMMUNE_OFFICER = "commune_officer"
    TEAM_LEADER = "team_leader"
    MEMBER = "member"
    LEARNER = "learner"
    OPERATOR = "operator"
    PARTNER = "partner"


ROLE_NAMES: dict[Role, Text] = {
    Role.PROVINCE_OFFICER: Text("cán bộ tỉnh", "province officer"),
    Role.DISTRICT_OFFICER: Text("cán bộ huyện", "district officer"),
    Role.COMMUNE_OFFICER: Text("cán bộ xã", "commune officer"),
    Role.TEAM_LEADER: Text("tổ trưởng", "team leader"),
    Role.MEMBER: Text("thành viên của tổ", "team member"),
    Role.LEARNER: Text("học viên", "learner"),
    Role.OPERATOR: Text("người vận hành", "operator"),
    Role.PARTNER: Text("hệ thống đối tác", "partner system"),
}
"""What people call the roles, from the widest to the narrowest."""


def widest(roles: Collection[str]) -> Text | None:
    """What people call somebody with these roles: by the widest of them; None for somebody without any."""
    return next((name for role, name in ROLE_NAMES.items() if role in roles), None)


OFFICERS = (Role.PROVINCE_OFFICER, Role.DISTRICT_OFFICER, Role.COMMUNE_OFFICER)
ANYONE: tuple[Role, ...] = ()
"""For endpoints that need no token."""


class Caller(NamedTuple):
    """Who calls. `subject` is the issuer's id of the person; it never enters an event or a log line."""

    subject: str
    roles: frozenset[Role]
    units: tuple[str, ...]
    member_id: str | None = None
    team_id: str | None = None
    organisation_id: str | None = None

    def has(self, *roles: Role) -> bool:
        """Whether the caller has one of these roles."""
        return not self.roles.isdisjoint(roles)

    def covers(self, path: Iterable[str | None]) -> bool:
        """Whether the caller may act for a unit, given the ids of the unit and all above it."""
        return not set(self.units).isdisjoint(p for p in path if p)

    def must_cover(self, path: Iterable[str | None], *, field: str) -> None:
        """Raises 403 when the unit is outside the caller's."""
        if not self.covers(path):
            raise errors.forbidden(
                "outside_your_unit",
                field,
                "Đơn vị này không thuộc phạm vi của bạn. Hãy chọn đơn vị trong địa bàn bạn phụ trách."
                " Nếu đơn vị của bạn vừa được sắp xếp: /registry/own-units cho biết quyền của bạn cần ghi đơn vị nào.",
                "This unit is outside your scope. Choose one within the units that you are responsible for."
                " If yours has just been reorganised: /registry/own-units says which unit your rights should name.",
            )


class Authenticator:
    """Turns bearer tokens into callers. Verified tokens are remembered until they expire, as a signature costs time."""

    def __init__(self, *, issuer: str, audience: str, keys: KeySet, now: Callable[[], float] = time.time) -> None:
        self._issuer, self._audience, self._keys, self._now = issuer, audience, keys, now
        self._seen: OrderedDict[str, tuple[Caller, float]] = OrderedDict()

    def caller(self, authorization: str | None) -> Caller:
        """The caller named by an `Authorization` header. Raises 401 with what is wrong."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise errors.unauthorized(
                "Cần có mã truy cập: gửi tiêu đề «Authorization: Bearer …».",
                "An access token is needed: send «Authorization: Bearer …».",
            )
        known = self._seen.get(token)
        if known and known[1] > self._now():
            return known[0]
        caller, expires = self._verify(token.strip())
        self._seen[token] = (caller, expires)
        if len(self._seen) > _CACHE:
            self._seen.popitem(last=False)
        return caller

    def _verify(self, token: str) -> tuple[Caller, float]:
        try:
            claims = jwt.decode(token, self._keys, algorithms=["ES256"]).claims
            registry = jwt.JWTClaimsRegistry(
                now=lambda: int(self._now()),
                leeway=30,
                iss={"essential": True, "value": self._issuer},
                aud={"essential": True, "value": self._audience},
                exp={"essential": True},
                sub={"essential": True},
            )
            registry.validate(claims)
            return _caller(claims), float(claims["exp"])
        except (JoseError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise errors.unauthorized(
                "Mã truy cập không hợp lệ hoặc đã hết hạn. Hãy đăng nhập lại.",
                f"The access token is not valid or has expired ({type(error).__name__}). Sign in again.",
            ) from error


def _caller(claims: dict[str, Any]) -> Caller:
    known = {r.value for r in Role}
    roles = frozenset(Role(r) for r in claims.get("roles", []) if r in known)
    units = tuple(str(u) for u in claims.get("units", []))
    own = (claims.get(name) for name in ("member_id", "team_id", "organisation_id"))
    return Caller(str(claims["sub"]), roles, units, *(str(v) if v else None for v in own))


def load_keys(where: str) -> KeySet:
    """A key set (JWKS) from a file or an http(s) address. Raises ValueError when there is none."""
    if not where:
        raise ValueError("PHONGTRAO_OIDC_JWKS is not set: name the issuer's key set (a file or an address)")
    if where.startswith(("http://", "https://")):
        return KeySet.import_key_set(httpx.get(where, timeout=10).raise_for_status().json())
    return KeySet.import_key_set(json.loads(Path(where).read_text(encoding="utf-8")))


def issue(key: ECKey, *, issuer: str, audience: str, caller: Caller, lifetime: int = 12 * 3600) -> str:
    """A token for a caller, signed with our own key (embedded mode, tests, `phongtrao token`). `lifetime` in
    seconds."""
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": audience,
        "sub": caller.subject,
        "iat": now,
        "exp": now + lifetime,
        "roles": sorted(r.value for r in caller.roles),
        "units": list(caller.units),
    }
    for name in ("member_id", "team_id", "organisation_id"):
        if value := getattr(caller, name):
            claims[name] = value
    return jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key)


def authorize(request: Request, roles: tuple[Role, ...]) -> Caller:
    """The caller of a request, who has one of `roles`. Raises 401 or 403. The session cookie is read as a token too."""
    header = request.headers.get("authorization")
    if header is None and request.method in {"GET", "HEAD"}:
        header = _from_cookie(request)  # reading only: a cookie alone never commands, so no forged form can
    return _allowed(request, header, roles)


def authorize_form(request: Request, roles: tuple[Role, ...]) -> Caller:
    """The caller of a form of our own pages, who has one of `roles`. Raises 401 or 403.

    Here the session cookie commands, because the browser itself says that the form came from a page of this site.
    """
    header = request.headers.get("authorization")
    if header is None:
        must_be_from_here(request)
    return _allowed(request, header or _from_cookie(request), roles)


def must_be_from_here(request: Request) -> None:
    """Raises 403 for a form that a page of another site sends in the visitor's name."""
    if not _is_from_here(request):
        raise errors.forbidden(
            "form_from_elsewhere",
            "Origin",
            "Biểu mẫu này không được gửi từ trang của hệ thống nên không được nhận. Hãy mở lại trang rồi gửi.",
            "This form was not sent from a page of this site, so it is not taken. Open the page again and send it.",
        )


def _is_from_here(request: Request) -> bool:
    """What a browser says of itself about where a form comes from; no page can make it say otherwise."""
    if site := request.headers.get("sec-fetch-site"):
        return site == "same-origin"
    return urlsplit(request.headers.get("origin", "")).netloc == request.headers.get("host") != ""


def _from_cookie(request: Request) -> str | None:
    cookie = request.cookies.get(COOKIE)
    return f"Bearer {cookie}" if cookie else None


def _allowed(request: Request, header: str | None, roles: tuple[Role, ...]) -> Caller:
    caller: Caller = request.app.state.service.auth.caller(header)
    if not caller.has(*roles):
        vi, en = (", ".join(words) for words in zip(*(ROLE_NAMES[role] for role in roles), strict=True))
        raise errors.forbidden(
            "role_not_allowed",
            "Authorization",
            f"Chức năng này chỉ dành cho: {vi}. Hãy đăng nhập với vai trò đó, hoặc nhờ người có vai trò đó làm.",
            f"This is only for: {en}. Sign in with such a role, or ask somebody who has it.",
        )
    return caller
