"""GET /imports/…: how far an upload is, and what each of its lines would do, with what is wrong beside the cells."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Annotated, Literal

from fastapi import Path, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from services.registry import import_progress
from services.registry.import_template import WORKBOOK, workbook
from services.registry.import_worker import INTERRUPTED, SILENT
from services.registry.imports import form
from services.registry.imports.kinds import FORMS, Kind
from services.registry.imports.line import Outcome, Remark
from services.registry.person import Action, Why
from services.registry.store import imports
from services.registry.store import vault as vault_store
from services.registry.store.imports import Import, Row
from shared import errors
from shared.auth import OFFICERS, Caller
from shared.clock import system_clock
from shared.db import Conn
from shared.deps import Svc
from shared.http import ID_PATTERN, Limit, allow, router, who
from shared.problem_body import Messages, ProblemField
from shared.sheets.book import Value
from shared.telemetry import current_traceparent

routes = router("imports")
MINE = "the caller's own uploads"
ImportId = Annotated[str, Path(pattern=ID_PATTERN)]
_UNFINISHED = ("waiting", "reading", "checking")


class ImportProblem(BaseModel):
    """Why nothing came of a file."""

    type: str
    messages: Messages
    errors: list[ProblemField] = []
    seems: Kind | None = Field(
        None, description="Of `wrong_form`: the form that the file seems to be; upload it as that."
    )


class ImportView(BaseModel):
    """An upload."""

    import_id: str
    kind: Kind
    state: Literal[
        "waiting", "reading", "checking", "checked", "committing", "failed", "committed", "purged", "discarded"
    ]
    file_name: str | None
    created_at: datetime
    sheet: str | None = Field(description="The sheet that was read.")
    columns: dict[str, str] = Field(description="The letter of each column that was found, by field.")
    rows_total: int | None = Field(description="Lines; null until the file is read.")
    rows_done: int = Field(
        description="Lines that are checked; while `committing`, lines that are being written: a line that is checked"
        " once more is half done. None is on record before all are."
    )
    summary: dict[str, int] = Field(
        description="Lines by what they would do, or did: new, changed, unchanged, refused."
    )
    problem: ImportProblem | None = Field(description="Why it failed; nothing was written.")
    committed_at: datetime | None
    lines_kept: bool = Field(
        description="Lines are deleted on commit (refused ones excepted), on discard, and after seven days."
    )


class CandidateView(BaseModel):
    """Something that a cell may mean."""

    id: str
    name: str


class RemarkView(BaseModel):
    """What is said beside a cell."""

    field: str | None
    column: str | None = Field(description="Its letter in the sheet, where the sheet has it.")
    refuses: bool
    message: Messages
    choices: list[CandidateView] = Field(description="Send one of these ids with the commit.")


class RowView(BaseModel):
    """A line."""

    row: int = Field(description="Its number in the sheet.")
    outcome: Outcome | None
    cells: dict[str, str]
    remarks: list[RemarkView]


class RowPage(BaseModel):
    """A page of lines."""

    items: list[RowView]
    total: int
    next: int | None = Field(description="Give it as `after` for the next page; null on the last.")


@routes.get("/imports", openapi_extra=who(OFFICERS, MINE))
async def list_imports(
    service: Svc, caller: Annotated[Caller, allow(*OFFICERS)], limit: Limit = 50
) -> list[ImportView]:
    """The caller's uploads, the newest first."""
    async with service.pool.acquire() as conn:
        found = await imports.uploads_of(conn, caller.subject, limit=limit)
    return [view(one) for one in found]


@routes.get("/imports/{import_id}", openapi_extra=who(OFFICERS, MINE))
async def show_import(service: Svc, import_id: ImportId, caller: Annotated[Caller, allow(*OFFICERS)]) -> ImportView:
    """How far it is, and what it would do."""
    async with service.pool.acquire() as conn:
        return view(await own(conn, caller, import_id))


@routes.get("/imports/{import_id}/rows", openapi_extra=who(OFFICERS, MINE))
async def list_import_rows(
    service: Svc,
    import_id: ImportId,
    caller: Annotated[Caller, allow(*OFFICERS)],
    outcome: Outcome | None = None,
    after: Annotated[int, Query(ge=0, le=2_000_000)] = 0,
    limit: Limit = 100,
) -> RowPage:
    """Its lines with what is wrong beside the cells, by number. Each reading is on record."""
    async with service.pool.acquire() as conn, conn.transaction():
        found = await own(conn, caller, import_id)
        await note(conn, caller, Action.READ, import_id, service.clock())
        kept = await imports.rows(conn, import_id, outcome=outcome and outcome.value, after=after, limit=limit)
        total = await imports.count_rows(conn, import_id, outcome=outcome)
    items = [row_view(row, found.letters) for row in kept]
    return RowPage(items=items, total=total, next=kept[-1].line.number if len(kept) == limit else None)


@routes.get(
    "/imports/{import_id}/result.xlsx",
    openapi_extra=who(OFFICERS, MINE),
    response_class=Response,
    responses=WORKBOOK,
)
async def download_result(service: Svc, import_id: ImportId, caller: Annotated[Caller, allow(*OFFICERS)]) -> Response:
    """The lines as a workbook, to be corrected and uploaded again: wrong cells in red, with the reason beside them."""
    async with service.pool.acquire() as conn, conn.transaction():
        found = await own(conn, caller, import_id)
        await note(conn, caller, Action.READ, import_id, service.clock())
        kept = await imports.rows(conn, import_id, outcome=None, after=0, limit=100_000)
    rows = [(row.line.cells, row.verdict) for row in kept]
    return await workbook(f"ket-qua-{found.kind}.xlsx", lambda: form.result(FORMS[Kind(found.kind)], rows))


async def own(conn: Conn, caller: Caller, import_id: str) -> Import:
    """An upload of the caller's. Of anybody else's it is not even said that it is there."""
    found = await imports.find(conn, import_id)
    if found is None or found.subject != caller.subject:
        raise errors.not_found(
            "no_such_import",
            "import_id",
            f"Không có tệp tải lên «{import_id}» của bạn. Hãy tải lên lại.",
            f"There is no upload «{import_id}» of yours. Upload the file again.",
        )
    return found


async def note(conn: Conn, caller: Caller, action: Action, import_id: str, now: datetime) -> None:
    """Puts on record what somebody does with the lines of an upload; to be called in the transaction that does it."""
    access = vault_store.Access(now, caller.subject, sorted(map(str, caller.roles)), Why.IMPORT, current_traceparent())
    await vault_store.note_access(conn, access, action, [import_id], [("import_rows",)])


def view(found: Import) -> ImportView:
    """An upload as it is shown. One whose process has ended is shown as failed, or as checked if it was committing.

    Whether a process is alive is asked by the wall's clock: a trial's own says a minute after 60 ms.
    """
    now = system_clock()
    state, problem = found.state, found.problem
    if state == "checked" and import_progress.under_way(found.writing_at, now):
        state, found = "committing", found._replace(rows_done=found.written or 0)
    if state in _UNFINISHED and now - found.touched_at > SILENT:
        state, problem = "failed", {"type": INTERRUPTED.slug, "messages": INTERRUPTED.detail._asdict()}
    return ImportView.model_validate(
        {
            **{k: v for k, v in found._asdict().items() if k in ImportView.model_fields},
            "state": state,
            "columns": found.letters,
            "problem": problem and {**problem, "type": f"urn:cds:problem:{problem['type']}"},
            "lines_kept": found.purged_at is None,
        }
    )


def row_view(row: Row, letters: Mapping[str, str]) -> RowView:
    """A line as it is shown."""
    verdict = row.verdict
    remarks = verdict.remarks if verdict else row.line.remarks
    return RowView(
        row=row.line.number,
        outcome=verdict.outcome if verdict else None,
        cells={key: shown(value) for key, value in row.line.cells.items()},
        remarks=[_remark(r, letters) for r in remarks],
    )


def _remark(remark: Remark, letters: Mapping[str, str]) -> RemarkView:
    return RemarkView(
        field=remark.column,
        column=letters.get(remark.column or ""),
        refuses=remark.refuses,
        message=Messages(**remark.text._asdict()),
        choices=[CandidateView(id=c.id, name=c.name) for c in remark.candidates],
    )


def shown(value: Value) -> str:
    """A cell as people read it."""
    if isinstance(value, datetime) and value.time() != time():
        return f"{value:%d/%m/%Y %H:%M}"
    return f"{value:%d/%m/%Y}" if isinstance(value, date) else str(value)
