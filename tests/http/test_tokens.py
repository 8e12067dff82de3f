"""Tokens that must not open anything: 401 at every guarded operation, whatever is wrong with them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, KeySet

from shared.auth import Authenticator, Role, load_keys
from tests.http.commands import COMMANDS, GUARDED, SAMPLES, Command, as_sent
from tests.http.site import Site
from tests.support.stack import KEY
from tests.support.world import refused


def claims(**changed: Any) -> dict[str, Any]:
    """Those of someone who may do everything; None leaves one out."""
    now = int(time.time())
    facts = {
        "iss": "phongtrao-embedded", "aud": "phongtrao", "sub": "an", "iat": now, "exp": now + 600,
        "roles": [r.value for r in Role], "units": ["51"], "member_id": "m1", "team_id": "t1", **changed,
    }  # fmt: skip
    return {name: value for name, value in facts.items() if value is not None}


def signed(key: ECKey = KEY, kid: str | None = None, **changed: Any) -> str:
    return jwt.encode({"alg": "ES256", "kid": kid or KEY.kid}, claims(**changed), key)


def part(data: Any) -> str:
    text = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def unsigned(algorithm: Any = "none", payload: Any = None) -> str:
    return f"{part({'alg': algorithm, 'kid': KEY.kid})}.{part(payload or claims())}."


def confused() -> str:
    """Signed with what everyone knows, the public key, as if that were a secret."""
    text = f"{part({'alg': 'HS256', 'kid': KEY.kid})}.{part(claims())}"
    return f"{text}.{part(hmac.new(KEY.as_pem(private=False), text.encode(), hashlib.sha256).digest())}"


def changed_after_signing() -> str:
    head, _, signature = signed(roles=["member"]).split(".")
    return f"{head}.{part(claims())}.{signature}"


HOUR = 3600
BAD: dict[str, Callable[[], str]] = {
    "expired": lambda: signed(exp=int(time.time()) - 60),
    "expired long ago": lambda: signed(exp=1),
    "without an end": lambda: signed(exp=None),
    "of another issuer": lambda: signed(iss="someone-else"),
    "of no issuer": lambda: signed(iss=None),
    "for another audience": lambda: signed(aud="another-service"),
    "for no audience": lambda: signed(aud=None),
    "of nobody": lambda: signed(sub=None),
    "of a foreign key": lambda: signed(ECKey.generate_key("P-256")),
    "of a foreign key under another name": lambda: signed(ECKey.generate_key("P-256"), kid="other"),
    "of an unknown key": lambda: signed(kid="unknown"),
    "signed by nobody": unsigned,
    "signed by nobody, shouted": lambda: unsigned("NONE"),
    "HS256 with the public key": confused,
    "changed after signing": changed_after_signing,
    "an odd algorithm": lambda: unsigned(["ES256"]),
    "roles that are no list": lambda: signed(roles=7),
    "roles that are odd": lambda: signed(roles=[["member"], {}]),
    "units that are no list": lambda: signed(units=7),
    "not yet valid": lambda: signed(nbf=int(time.time()) + HOUR),
    "a text": lambda: "an",
    "two dots": lambda: "..",
    "four dots": lambda: "a.b.c.d.e",
    "no base64": lambda: "%%%.%%%.%%%",
    "not a word": lambda: "\u00e9\u00e9.\u00e9.\u00e9",
    "a header that is a list": lambda: f"{part([])}.{part(claims())}.x",
    "a header nested too deep": lambda: f"{part(b'[' * 20_000)}.{part(claims())}.x",
    "claims nested too deep": lambda: jwt_of(b"[" * 2_000),
    "claims that are a list": lambda: jwt_of(b"[1]"),
}


def jwt_of(payload: bytes) -> str:
    """Signed by us, whatever it is."""
    return jws.serialize_compact({"alg": "ES256", "kid": KEY.kid}, payload, KEY)


@pytest.mark.parametrize("name", BAD)
def test_a_token_that_is_no_good_opens_nothing(anyone: httpx.Client, name: str) -> None:
    header = {b"authorization": f"Bearer {BAD[name]()}".encode()}
    for operation in GUARDED:
        body = operation.sample.body() if operation.name in SAMPLES else None
        answer = anyone.request(operation.name.split(" ")[0], operation.url(), headers=header, **as_sent(body))
        problem = refused(answer, 401, "token_needed", "Authorization")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "Traceback" not in json.dumps(problem)


def test_the_same_claims_signed_by_us_are_good(anyone: httpx.Client) -> None:
    for token in (signed(), signed(aud=["another", "phongtrao"]), signed(exp=int(time.time()) - 10)):
        answer = anyone.get("/registry/teams", headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 200, answer.text


def test_unknown_roles_and_none_allow_nothing(anyone: httpx.Client) -> None:
    for roles in (["king"], [], None):
        answer = anyone.get("/registry/teams", headers={"authorization": f"Bearer {signed(roles=roles)}"})
        refused(answer, 403, "role_not_allowed", "Authorization")


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_a_cookie_alone_never_commands(site: Site, anyone: httpx.Client, command: Command) -> None:
    token = site.everything["authorization"].removeprefix("Bearer ")
    cookie = {"cookie": f"phongtrao_token={token}"}
    assert anyone.get("/registry/teams", headers=cookie).status_code == 200
    answer = command.send(anyone, command.sample.body(), headers=cookie)
    refused(answer, 401, "token_needed", "Authorization")


def test_the_issuers_keys_may_be_fetched_from_its_address(tmp_path: Path) -> None:
    (tmp_path / "jwks.json").write_text(json.dumps(KeySet([KEY]).as_dict(private=False)))
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as issuer:
        threading.Thread(target=issuer.serve_forever).start()
        address = f"http://127.0.0.1:{issuer.server_port}"
        try:
            keys = load_keys(f"{address}/jwks.json")
            with pytest.raises(httpx.HTTPStatusError, match="404"):
                load_keys(f"{address}/nothing.json")
        finally:
            issuer.shutdown()
    reader = Authenticator(issuer="phongtrao-embedded", audience="phongtrao", keys=keys)
    assert reader.caller(f"Bearer {signed()}").subject == "an"
