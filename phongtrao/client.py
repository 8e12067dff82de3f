"""The simulation's phone: requests that are repeated until they are answered, with a token for each caller."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import httpx
from joserfc.jwk import ECKey

from shared import auth
from shared.auth import Caller, Role
from shared.settings import Settings

Tokens = Callable[[Caller], str]

OFFICER = Caller("simulated-officer", frozenset([Role.PROVINCE_OFFICER, Role.OPERATOR]), ("51",))
_BUSY = {429, 500, 502, 503, 504}
_LONGEST_WAIT = 5.0


class Unreachable(RuntimeError):
    """No server answers at the address."""


class Refusal(RuntimeError):
    """A request that had to succeed was refused."""


def signing(key: ECKey, settings: Settings) -> Tokens:
    """Tokens of our own key, one for each caller, renewed before they end."""
    known: dict[Caller, tuple[str, float]] = {}

    def token(caller: Caller) -> str:
        now = asyncio.get_running_loop().time()
        found = known.get(caller)
        if found is None or found[1] < now:
            issued = auth.issue(key, issuer=settings.oidc_issuer, audience=settings.oidc_audience, caller=caller)
            known[caller] = found = (issued, now + 6 * 3600)
        return found[0]

    return token


class Api:
    """The public HTTP API of one address. `counts` says what became of the requests."""

    def __init__(self, url: str, tokens: Tokens, *, patience: float | None = None) -> None:
        self._tokens, self._patience = tokens, patience
        self._client = httpx.AsyncClient(
            base_url=url,
            timeout=30,
            limits=httpx.Limits(max_connections=32, max_keepalive_connections=32),
            trust_env=False,
        )
        self.counts: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def post(
        self, path: str, body: object, caller: Caller, *, key: str | None = None, min_pos: str | None = None
    ) -> httpx.Response:
        """Sends until there is an answer that is not «busy». Sending again is harmless: every command has an id.

        Raises Unreachable when nobody answered for `patience` seconds (None: never gives up).
        """
        headers = {"authorization": f"Bearer {self._tokens(caller)}"}
        if key:
            headers["idempotency-key"] = key
        params = {"min_pos": min_pos} if min_pos else {}
        return await self._until_answered("POST", path, json=body, headers=headers, params=params)

    async def get(self, path: str, **params: str | int) -> Any:
        """Reads something public."""
        answer = await self._until_answered("GET", path, params=params)
        if answer.status_code != 200:
            raise Refusal(f"GET {path}: {answer.status_code} {answer.text[:300]}")
        return answer.json()

    async def _until_answered(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        loop = asyncio.get_running_loop()
        begun, wait = loop.time(), 0.1
        while True:
            try:
                answer = await self._client.request(method, path, **arguments)
                if answer.status_code not in _BUSY:
                    return answer
                reason = str(answer.status_code)
            except httpx.TransportError as error:
                reason = type(error).__name__
            self.counts["again"] += 1
            if self._patience is not None and loop.time() - begun > self._patience:
                raise Unreachable(f"{method} {self._client.base_url}{path}: {reason}")
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)
