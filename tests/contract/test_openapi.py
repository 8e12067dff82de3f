"""The OpenAPI document of each service: valid, complete, and true about who may call."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import jsonschema_rs
import pytest
import schemathesis

from shared import auth
from shared.auth import Caller, Role
from tests.contract import documents

METHODS = {"get", "post", "put", "patch", "delete"}
REFUSALS = {"401", "403", "404", "409", "413", "422", "503"}


class Operation(NamedTuple):
    service: str
    method: str
    path: str
    says: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method.upper()} /{self.service}{self.path}"

    @property
    def roles(self) -> set[str]:
        return set(self.says["x-roles"])

    @property
    def url(self) -> str:
        """A path of the right form: ids that nobody has."""
        example = {"edition": "2023"}
        parts = [p.strip("{}") if p.startswith("{") else p for p in self.path.split("/")]
        return "/".join(example.get(p, p.replace("_", "-")) for p in parts)


def operations(name: str) -> Iterator[Operation]:
    for path, methods in documents.openapi(name)["paths"].items():
        for method, says in methods.items():
            assert method in METHODS
            yield Operation(name, method, path, says)


@pytest.mark.parametrize("name", documents.NAMES)
def test_it_is_valid_openapi_3_1(name: str) -> None:
    document = documents.openapi(name)
    assert document["openapi"].startswith("3.1")
    schemathesis.openapi.from_dict(document).validate()
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema)
    assert document["servers"] == [{"url": f"/{name}"}]
    assert documents.addresses(document) == set()


@pytest.mark.parametrize("name", documents.NAMES)
def test_every_operation_is_explained(name: str) -> None:
    found = list(operations(name))
    assert found
    for operation in found:
        assert operation.says["summary"], operation
        assert operation.says["description"].strip().endswith("."), operation
        assert operation.says["x-scope"], operation
        for parameter in operation.says.get("parameters", ()):
            assert "schema" in parameter, operation
    ids = [operation.says["operationId"] for operation in found]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", documents.NAMES)
def test_every_operation_documents_its_refusals_as_problems(name: str) -> None:
    for operation in operations(name):
        responses = operation.says["responses"]
        assert set(responses) >= REFUSALS, operation
        for status in (s for s in responses if s >= "4"):
            assert set(responses[status]["content"]) == {"application/problem+json"}, (operation, status)
            schema = responses[status]["content"]["application/problem+json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/ProblemBody"}, (operation, status)
        assert any(status < "4" for status in responses), operation


@pytest.mark.parametrize("name", documents.NAMES)
def test_every_operation_names_who_may_call(name: str) -> None:
    for operation in operations(name):
        assert operation.roles, operation
        assert operation.roles <= set(Role) | {"anyone"}, operation
        public = operation.roles == {"anyone"}
        assert operation.says.get("security", []) == ([] if public else [{"bearer": []}]), operation
        assert public or "anyone" not in operation.roles, operation


@pytest.mark.expects_errors
@pytest.mark.parametrize("name", documents.NAMES)
async def test_the_named_roles_are_the_ones_let_in(name: str) -> None:
    """Asks without servers: whoever gets past the door meets a service that has no database."""
    app = documents.application(name)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{name}") as client:
        for operation in operations(name):
            assert await refused(client, operation, None) == (operation.roles != {"anyone"}), operation
            for role in Role:
                allowed = operation.roles == {"anyone"} or role in operation.roles
                assert await refused(client, operation, role) == (not allowed), (operation, role)


async def refused(client: httpx.AsyncClient, operation: Operation, role: Role | None) -> bool:
    """Whether the door is shut for a role, or for somebody without a token."""
    headers = {"authorization": f"Bearer {token(role)}"} if role else {}
    answer = await client.request(operation.method, operation.url, headers=headers)
    if answer.status_code == 401:
        assert role is None
        return True
    shut = answer.status_code == 403 and answer.json()["type"].endswith("role_not_allowed")
    if shut:
        names_people_not_codes(answer.json(), operation)
    return shut


def names_people_not_codes(problem: dict[str, Any], operation: Operation) -> None:
    """The refusal names each role that may, as people call it; its code stands nowhere."""
    vi, en = problem["messages"]["vi"], problem["messages"]["en"]
    for role in Role:
        named = auth.ROLE_NAMES[role]
        assert (named.vi in vi, named.en in en) == ((role in operation.roles),) * 2, operation
        assert role.value not in vi
    assert "_" not in vi + en


def token(role: Role) -> str:
    settings = documents.service(documents.spec("registry")).settings
    caller = Caller("someone", frozenset([role]), ("51",))
    return auth.issue(documents.KEY, issuer=settings.oidc_issuer, audience=settings.oidc_audience, caller=caller)
