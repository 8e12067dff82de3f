"""Pages of imports under /so/nhap: template, upload, progress, the dry run with errors beside the cells, choices,
commit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import urlencode

from fastapi import Path, Query
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from services.registry import import_commit, import_discard, import_show, import_upload
from services.registry.import_show import CandidateView, ImportView, RemarkView, RowView
from services.registry.imports.columns import Column
from services.registry.imports.kinds import FORMS, Kind
from services.registry.imports.line import Outcome
from services.registry.web.visit import Visit, Visiting, page_router
from shared.auth import OFFICERS, Caller
from shared.errors import Problem, invalid
from shared.http import ID_PATTERN
from shared.web.forms import Form, body, posted

routes = page_router()
ImportId = Annotated[str, Path(pattern=ID_PATTERN)]
LINES = 100
"""Lines on a page."""
_BY_LINE = "name"
"""The column of people's names: the same name in two lines may be two people, so each line is asked for."""
_BY_PLACE = ("village", "above")
"""Columns of villages: the same name in two communes is two villages, so each set of candidates is asked for."""


class Asked(NamedTuple):
    """An ambiguous cell, or all cells of a column with the same text: one choice."""

    field: str
    """Name of the form's field."""
    column: str
    text: str
    lines: tuple[int, ...]
    choices: tuple[CandidateView, ...]


@routes.get("/nhap")
async def show_imports(visit: Visiting, done: Annotated[str, Query(max_length=20)] = "") -> HTMLResponse:
    """What may be uploaded, and what the caller has uploaded."""
    caller = visit.must_be(*OFFICERS)
    return await _start(visit, caller, Form({"kind": visit.asked("kind") or Kind.TEAMS.value}), done)


@routes.post("/nhap")
async def take_import(visit: Visiting, request: Request) -> Response:
    """Takes the file, or says why not."""
    caller = visit.must_send(*OFFICERS)
    async with request.form(max_files=1, max_fields=20) as sent:
        typed, file = str(sent.get("kind", "")), sent.get("file")
        data = await file.read() if isinstance(file, UploadFile) else b""
        name = file.filename if isinstance(file, UploadFile) else None
    try:
        if typed not in set(Kind):
            raise invalid("no_such_kind", "kind", "Hãy chọn loại danh sách.", "Choose what the file lists.")
        if not data:
            raise invalid("no_file", "file", "Hãy chọn một tệp .xlsx, .xls hoặc .ods.", "Choose a file.")
        taken = await import_upload.take(visit.service, caller, Kind(typed), name, data)
    except Problem as problem:
        return await _start(visit, caller, Form({"kind": typed, "file": ""}, problem))
    return visit.go(f"/so/nhap/{taken.import_id}")


@routes.get("/nhap/{import_id}")
async def show_import(
    visit: Visiting,
    import_id: ImportId,
    outcome: Literal["", "all", "new", "changed", "unchanged", "refused"] = "",
    after: Annotated[int, Query(ge=0, le=2_000_000)] = 0,
) -> HTMLResponse:
    """How far the upload is; once it is checked, its lines."""
    caller = visit.must_be(*OFFICERS)
    return await _show(visit, caller, import_id, Form({}), outcome=outcome, after=after)


@routes.post("/nhap/{import_id}")
async def take_commit(visit: Visiting, import_id: ImportId, request: Request) -> Response:
    """Writes the upload, or says what is wrong."""
    caller, values = visit.must_send(*OFFICERS), await posted(request)
    found = await import_show.show_import(visit.service, import_id, caller)
    choices = _chosen(await _questions(visit, caller, found), values)
    try:
        wanted = body(import_commit.CommitImport, {"mode": values.get("mode", "")})
        made = wanted.model_copy(update={"choices": [import_commit.ChoiceBody(**c) for c in choices]})
        await import_commit.commit_import(visit.service, import_id, made, caller)
    except Problem as problem:
        return await _show(visit, caller, import_id, Form(values, problem), outcome="refused", after=0)
    return visit.go(f"/so/nhap/{import_id}")


@routes.get("/nhap/{import_id}/bo")
async def show_discard(visit: Visiting, import_id: ImportId) -> Response:
    """What discarding means."""
    return await _discard(visit, visit.must_be(*OFFICERS), import_id)


@routes.post("/nhap/{import_id}/bo")
async def take_discard(visit: Visiting, import_id: ImportId) -> Response:
    """Discards the upload, or says why not."""
    caller = visit.must_send(*OFFICERS)
    try:
        await import_discard.discard_import(visit.service, import_id, caller)
    except Problem as problem:
        return await _discard(visit, caller, import_id, problem)
    return visit.go("/so/nhap?done=discarded")


async def _discard(visit: Visit, caller: Caller, import_id: str, problem: Problem | None = None) -> Response:
    """The question, for an upload that may be discarded; the page of any other says where it stands."""
    found = await import_show.show_import(visit.service, import_id, caller)
    if not problem and (found.state not in {"checked", "failed"} or not found.lines_kept):
        return visit.go(f"/so/nhap/{import_id}")
    status, title = problem.status if problem else 200, FORMS[found.kind].title
    return await visit.page("form_discard.html", status=status, form=Form({}, problem), found=found, title=title)


async def _start(visit: Visit, caller: Caller, form: Form, done: str = "") -> HTMLResponse:
    uploads = await import_show.list_imports(visit.service, caller, limit=20)
    status = form.problem.status if form.problem else 200
    kinds = [FORMS[kind] for kind in _may(visit, caller)]
    context = {"uploads": uploads, "kinds": kinds, "forms": FORMS, "done": done}
    return await visit.page("imports.html", status=status, form=form, **context)


def _may(visit: Visit, caller: Caller) -> list[Kind]:
    """The forms that the caller may upload."""
    return [kind for kind in FORMS if kind is not Kind.ORGANISATIONS or visit.service.province in caller.units]


async def _show(visit: Visit, caller: Caller, import_id: str, form: Form, *, outcome: str, after: int) -> HTMLResponse:
    found = await import_show.show_import(visit.service, import_id, caller)
    if not outcome and found.summary.get("refused"):
        outcome = "refused"  # what somebody has to do something about comes first
    context: dict[str, Any] = {
        "found": found, "form": form, "kind": FORMS[found.kind], "outcome": outcome, "forms": FORMS,
        "may": _may(visit, caller),
    }  # fmt: skip
    status = form.problem.status if form.problem else 200
    if found.state not in {"checked", "committed"} or not found.lines_kept:
        return await visit.page("import.html", status=status, lines=None, questions=[], columns=[], **context)
    wanted = Outcome(outcome) if outcome not in {"", "all"} else None
    lines = await import_show.list_import_rows(visit.service, import_id, caller, wanted, after, LINES)
    questions = await _questions(visit, caller, found) if found.state == "checked" else []
    return await visit.page(
        "import.html",
        status=status,
        lines=lines,
        columns=shown_columns(FORMS[found.kind].columns, lines.items),
        questions=questions,
        address=lambda **changed: _address(import_id, {"outcome": outcome, **changed}),
        **context,
    )


def _address(import_id: str, asked: Mapping[str, Any]) -> str:
    said = urlencode({k: v for k, v in asked.items() if v})
    return f"/so/nhap/{import_id}" + (f"?{said}" if said else "")


def shown_columns(columns: Iterable[Column], lines: Iterable[RowView]) -> list[Column]:
    """The columns that hold something in these lines, or about which something is said."""
    rows = list(lines)
    used = {key for row in rows for key in row.cells} | {r.field for row in rows for r in row.remarks}
    return [column for column in columns if column.key in used]


async def _questions(visit: Visit, caller: Caller, found: ImportView) -> list[Asked]:
    if not found.summary.get("refused"):
        return []
    lines = await import_show.list_import_rows(visit.service, found.import_id, caller, Outcome.REFUSED, 0, 500)
    return questions_of(lines.items)


def questions_of(lines: Iterable[RowView]) -> list[Asked]:
    """What has to be chosen: once for each text of a column, for names of people once a line, for villages once for
    each text that means the same candidates."""
    found: dict[tuple[str, str, object], Asked] = {}
    for line in lines:
        for remark in line.remarks:
            if remark.choices and remark.field:
                text = line.cells.get(remark.field, "")
                key = (remark.field, text, _apart(line, remark))
                before = found[key].lines if key in found else ()
                name = f"choice.{len(found)}" if key not in found else found[key].field
                found[key] = Asked(name, remark.field, text, (*before, line.row), tuple(remark.choices))
    return list(found.values())


def _apart(line: RowView, remark: RemarkView) -> object:
    if remark.field in _BY_PLACE:
        return tuple(choice.id for choice in remark.choices)
    return line.row if remark.field == _BY_LINE else None


def _chosen(questions: Iterable[Asked], values: Mapping[str, str]) -> list[dict[str, Any]]:
    """The choices that were made, as the API takes them."""
    made = [(q, values[q.field]) for q in questions if values.get(q.field) in {c.id for c in q.choices}]
    by_row = (_BY_LINE, *_BY_PLACE)
    rows = [{"column": q.column, "id": i, "row": row} for q, i in made if q.column in by_row for row in q.lines]
    return [*rows, *({"column": q.column, "id": i, "text": q.text} for q, i in made if q.column not in by_row)]
