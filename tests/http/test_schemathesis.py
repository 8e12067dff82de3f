"""Requests made up from the OpenAPI documents, right and wrong ones: no failure, and every answer as documented."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import CheckContext, GenerationMode
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from tests.contract import documents
from tests.http.site import KNOWN, Site

ENDLESS = {("reporting", "/live")}
OPERATIONS = [
    (name, method, path)
    for name in documents.NAMES
    for path, methods in documents.openapi(name)["paths"].items()
    for method in methods
    if (name, path) not in ENDLESS
]
MAY_BE_WRONG = [
    (name, method, path)
    for name, method, path in OPERATIONS
    if documents.openapi(name)["paths"][path][method].keys() & {"parameters", "requestBody"}
]


def named(operation: tuple[str, str, str]) -> str:
    name, method, path = operation
    return f"{method.upper()} /{name}{path}"


def no_failure(ctx: CheckContext, response: Response, case: schemathesis.Case[Any]) -> bool | None:
    """Nothing fails; 503 only says that a made-up `min_pos` is not reached."""
    if response.status_code == 503:
        assert "min_pos" in (case.query or {}), response.text
        assert response.json()["type"] == "urn:cds:problem:read_model_behind"
    assert response.status_code == 503 or response.status_code < 500, response.text
    return None


def wrong_is_refused(ctx: CheckContext, response: Response, case: schemathesis.Case[Any]) -> bool | None:
    """What the document forbids is refused; a further query parameter alone, or a header, is nobody's mistake."""
    try:
        return negative_data_rejection(ctx, response, case)
    except AcceptedNegativeData as failure:
        wrong = [line.strip() for line in failure.message.splitlines() if line.strip().startswith("- ")]
        if all(line.startswith(("- query: violates `additionalProperties`", "- header: ")) for line in wrong):
            return None
        raise


CHECKS: list[Any] = [
    no_failure,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    wrong_is_refused,
]


def ask(site: Site, operation: tuple[str, str, str], mode: GenerationMode, examples: int, **how: Any) -> set[int]:
    """Sends made-up requests to an operation and checks the answers; says which statuses there were."""
    name, method, path = operation
    statuses: set[int] = set()
    found = schemathesis.openapi.from_dict(documents.openapi(name))[path][method]
    known = {p: KNOWN[p] for p in KNOWN if f"{{{p}}}" in path} if mode is GenerationMode.POSITIVE else None

    @given(found.as_strategy(generation_mode=mode, path_parameters=known))
    @settings(
        max_examples=examples,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
        derandomize=True,
    )
    def send(case: schemathesis.Case[Any]) -> None:
        response = case.call(base_url=f"{site.url}/{name}", session=session, **how)
        case.validate_response(response, checks=CHECKS)
        statuses.add(response.status_code)

    with requests.Session() as session:
        send()
    return statuses


@pytest.mark.parametrize("operation", OPERATIONS, ids=named)
def test_right_requests_are_answered_as_documented(site: Site, operation: tuple[str, str, str]) -> None:
    assert ask(site, operation, GenerationMode.POSITIVE, 10, headers=site.everything)


@pytest.mark.parametrize("operation", MAY_BE_WRONG, ids=named)
def test_wrong_requests_are_refused_as_documented(site: Site, operation: tuple[str, str, str]) -> None:
    assert ask(site, operation, GenerationMode.NEGATIVE, 15, headers=site.everything)


@pytest.mark.parametrize("operation", OPERATIONS, ids=named)
def test_without_a_token_nothing_is_done(site: Site, operation: tuple[str, str, str]) -> None:
    name, method, path = operation
    statuses = ask(site, operation, GenerationMode.POSITIVE, 2)
    if "anyone" not in documents.openapi(name)["paths"][path][method]["x-roles"]:
        assert statuses == {401}
