"""`phongtrao token` and `phongtrao keys`: tokens of our own key, to try things out and for scripts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from joserfc.jwk import KeySet

from phongtrao.demo_clock import Moment, load
from phongtrao.instance import Folder, new_key, read_key, write_private
from phongtrao.personas import personas
from shared import auth
from shared.auth import Caller, Role
from shared.settings import Settings


class Unknown(LookupError):
    """A persona, role or key that there is not; the text says what there is."""


class Wanted(NamedTuple):
    """Whose token."""

    persona: str
    roles: list[str]
    units: list[str]
    member: str | None
    team: str | None


def token(settings: Settings, wanted: Wanted, key: Path | None) -> str:
    """A token for a persona, or for any caller. Raises Unknown."""
    file = key or Folder(settings.data).signing
    try:
        sign = read_key(file)
    except (OSError, ValueError) as error:
        raise Unknown(f"{error}: start `phongtrao up` once, or say --key with a private key") from error
    caller = _caller(settings, wanted)
    return auth.issue(sign, issuer=settings.oidc_issuer, audience=settings.oidc_audience, caller=caller)


def _caller(settings: Settings, wanted: Wanted) -> Caller:
    if not wanted.roles:
        seed = load(Folder(settings.data).clock, Moment(seed=settings.demo_seed)).seed
        people = {p.key: p.caller for p in personas(seed, demo=True, province=settings.province)}
        if wanted.persona not in people:
            raise Unknown(f"there is no persona «{wanted.persona}»; there are {', '.join(people)}")
        return people[wanted.persona]
    known = [r.value for r in Role]
    if unknown := [name for name in wanted.roles if name not in known]:
        raise Unknown(f"there is no role «{unknown[0]}»; there are {', '.join(known)}")
    roles = frozenset(Role(name) for name in wanted.roles)
    return Caller("phongtrao-token", roles, tuple(wanted.units), wanted.member, wanted.team)


def make_keys(folder: Path) -> list[Path]:
    """Writes a new private key and its public key set; answers with both files. Raises FileExistsError."""
    private, public = folder / "signing.jwk", folder / "jwks.json"
    if private.exists():
        raise FileExistsError(private)
    folder.mkdir(parents=True, exist_ok=True)
    key = new_key()
    write_private(private, json.dumps(key.as_dict(private=True)) + "\n")
    public.write_text(json.dumps(KeySet([key]).as_dict(private=False), indent=2) + "\n", encoding="utf-8")
    return [private, public]
