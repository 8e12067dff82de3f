"""POST /imports/{kind}: a workbook comes in, to be read and checked. Nothing is written until it is committed."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from fastapi import Query, Request
from starlette.datastructures import UploadFile

from services.registry.import_show import ImportView, note, view
from services.registry.import_template import XLSX, KindInPath
from services.registry.import_worker import BUSY, Job, worker_of
from services.registry.imports.kinds import Kind
from services.registry.person import Action
from services.registry.store import imports
from shared import errors
from shared.auth import OFFICERS, Caller
from shared.clock import system_clock
from shared.deps import Svc
from shared.http import ID_PATTERN, Name, allow, router, who
from shared.service import Service
from shared.sheets import container, refusals

routes = router("imports")
ENVELOPE = 100_000
"""Bytes that a form may need around a file."""
UPLOADS = dict.fromkeys((*(f"/imports/{kind.value}" for kind in Kind), "/nhap"), refusals.MAX_FILE + ENVELOPE)
"""Addresses of the API and of the pages that take files."""
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
    caller: Annotated[Caller, allow(*OFFICERS)],
    kind: KindInPath,
    request: Request,
    file_name: Annotated[Name | None, Query(description="Shown again to whoever uploaded it.")] = None,
    import_id: Annotated[
        str | None, Query(pattern=ID_PATTERN, description="Made by the client, so that sending again is harmless.")
    ] = None,
) -> ImportView:
    """Takes a .xlsx, .xls or .ods and begins to check it; GET /imports/{import_id} shows how far it is."""
    may_import(service, caller, kind)
    named, data = await _file(request)
    return await take(service, caller, kind, named or file_name, data, import_id=import_id)


def may_import(service: Service, caller: Caller, kind: Kind) -> None:
    """Organisations belong to the whole province; every other line is looked at by itself."""
    if kind is Kind.ORGANISATIONS:
        caller.must_cover([service.province], field="kind")


async def take(
    service: Service, caller: Caller, kind: Kind, file_name: str | None, data: bytes, *, import_id: str | None = None
) -> ImportView:
    """Keeps an upload and queues it. Raises a refusal for what is empty, too large or no workbook at all."""
    may_import(service, caller, kind)
    container.must_look_like_one(data)
    worker, now = worker_of(service), service.clock()
    new = imports.Import(
        import_id or service.new_id(), kind.value, "waiting", _short(file_name), len(data),
        hashlib.sha256(data).hexdigest(), caller.subject, sorted(caller.roles), list(caller.units), now,
        system_clock(),
    )  # fmt: skip
    async with service.pool.acquire() as conn, conn.transaction():
        if earlier := await imports.find(conn, new.import_id):
            return view(_the_same(earlier, new))
        if worker.full:
            raise BUSY
        if not await imports.save_import(conn, new):  # sent twice at once: the other one was faster
            earlier = await imports.find(conn, new.import_id)
            assert earlier is not None, "an upload is never deleted"
            return view(_the_same(earlier, new))
        await note(conn, caller, Action.WRITTEN, new.import_id, now)
    worker.take(Job(new.import_id, kind, data, caller))
    return view(new)


def _the_same(earlier: imports.Import, new: imports.Import) -> imports.Import:
    if (earlier.subject, earlier.kind, earlier.digest) != (new.subject, new.kind, new.digest):
        raise _taken()
    return earlier


def _taken() -> errors.Problem:
    return errors.conflict(
        "id_taken", "import_id", "Mã này đã được dùng cho tệp khác. Hãy tạo mã mới.",
        "This id is taken by another file. Make a new one.",
    )  # fmt: skip


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
