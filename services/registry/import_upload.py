"""POST /imports/{kind}: a workbook comes in, to be read and checked. Nothing is written until it is committed."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from fastapi import Path, Query, Request
from starlette.datastructures import UploadFile

from services.registry.import_show import ImportView, view
from services.registry.import_template import XLSX
from services.registry.import_worker import BUSY, Job, worker_of
from services.registry.imports.kinds import Kind
from services.registry.person import Action, Why
from services.registry.store import imports
from services.registry.store import vault as vault_store
from shared.auth import OFFICERS, Caller
from shared.deps import Svc
from shared.http import Name, allow, router, who
from shared.service import Service
from shared.sheets import refusals
from shared.telemetry import current_traceparent

routes = router("imports")
ENVELOPE = 100_000
"""Bytes that a form may need around a file."""
UPLOADS = {"/imports": refusals.MAX_FILE + ENVELOPE}
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_BODY: dict[str, Any] = {
    "required": True,
    "description": "The file itself, or a form with the file in it. At most 20 MB.",
    "content": {
        XLSX: _BINARY,
        "application/vnd.ms-excel": _BINARY,
        "application/vnd.oasis.opendocument.spreadsheet": _BINARY,
        "application/octet-stream": _BINARY,
        "multipart/form-data": {
            "schema": {"type": "object", "required": ["file"], "properties": {"file": _BINARY["schema"]}}
        },
    },
}


@routes.post(
    "/imports/{kind}",
    status_code=202,
    openapi_extra={
        **who(OFFICERS, "lines for the caller's units; organisations: the whole province"),
        "requestBody": _BODY,
    },
)
async def upload_import(
    service: Svc,
    kind: Annotated[Kind, Path()],
    request: Request,
    caller: Annotated[Caller, allow(*OFFICERS)],
    file_name: Annotated[Name | None, Query(description="Shown again to whoever uploaded it.")] = None,
) -> ImportView:
    """Takes a .xlsx, .xls or .ods and begins to check it; GET /imports/{import_id} shows how far it is."""
    may_import(service, caller, kind)
    named, data = await _file(request)
    return await take(service, caller, kind, named or file_name, data)


def may_import(service: Service, caller: Caller, kind: Kind) -> None:
    """Organisations belong to the whole province; every other line is looked at by itself."""
    if kind is Kind.ORGANISATIONS:
        caller.must_cover([service.province], field="kind")


async def take(service: Service, caller: Caller, kind: Kind, file_name: str | None, data: bytes) -> ImportView:
    """Keeps an upload and queues it. Raises a refusal for what is empty or too large."""
    may_import(service, caller, kind)
    if not data:
        raise refusals.EMPTY
    if len(data) > refusals.MAX_FILE:
        raise refusals.TOO_LARGE
    worker, now = worker_of(service), service.clock()
    if worker.full:
        raise BUSY
    new = imports.Import(
        service.new_id(), kind.value, "waiting", _short(file_name), len(data), hashlib.sha256(data).hexdigest(),
        caller.subject, sorted(caller.roles), list(caller.units), now, now,
    )  # fmt: skip
    async with service.pool.acquire() as conn, conn.transaction():
        await imports.save_import(conn, new)
        access = vault_store.Access(now, caller.subject, sorted(caller.roles), Why.IMPORT, current_traceparent())
        await vault_store.note_access(conn, access, Action.WRITTEN, [new.import_id], [("import_rows",)])
    worker.take(Job(new.import_id, kind, data, caller))
    return view(new, now)


def _short(file_name: str | None) -> str | None:
    """Of a path that an old browser sends, the name; without what cannot be shown."""
    name = (file_name or "").replace("\\", "/").rpartition("/")[2]
    return "".join(c for c in name if c.isprintable())[:200] or None


async def _file(request: Request) -> tuple[str | None, bytes]:
    """The file of a request, and its name where the form says one."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return None, await request.body()
    async with request.form(max_files=1, max_fields=20) as form:
        found = next((value for value in form.values() if isinstance(value, UploadFile)), None)
        return (found.filename, await found.read()) if found else (None, b"")
