"""The four services as their documents need them: made from their Specs, never started."""

import importlib
import json
from functools import cache
from typing import Any

from fastapi import FastAPI
from joserfc.jwk import ECKey, KeySet

from shared import app, asyncapi
from shared.service import Service, Spec
from shared.settings import Settings

NAMES = ("registry", "outreach", "courses", "reporting")
KEY = ECKey.generate_key("P-256", auto_kid=True)


def spec(name: str) -> Spec:
    """What a service is made of."""
    found: Spec = importlib.import_module(f"services.{name}.app").SPEC
    return found


def service(found: Spec) -> Service:
    """A service without servers, whose tokens KEY signs."""
    return Service(found, Settings(nats_url="nats://user:secret@nats.example:4222"), keys=KeySet([KEY]))


@cache
def application(name: str) -> FastAPI:
    """The HTTP application of a service; its lifespan must not run."""
    return app.create_app(service(spec(name)))


@cache
def openapi(name: str) -> dict[str, Any]:
    """What `/<name>/openapi.json` says."""
    found: dict[str, Any] = json.loads(json.dumps(app.openapi(application(name), f"/{name}")))
    return found


@cache
def events(name: str) -> dict[str, Any]:
    """What `/<name>/asyncapi.json` says."""
    return asyncapi.document(service(spec(name)))


def addresses(document: Any) -> set[str]:
    """Everything in a document that looks like an address of the web."""
    text = json.dumps(document)
    return {part.split('"')[0] for scheme in ("http://", "https://", '"//') for part in text.split(scheme)[1:]}
