"""POST /imports/{import_id}/commit: what was uploaded is written, all of it or the good lines, in one transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Path
from pydantic import Field

from services.registry import import_plan, import_progress, import_write
from services.registry.import_show import own
from services.registry.import_upload import may_import
from services.registry.imports.kinds import Kind
from services.registry.imports.line import Choice, Outcome, Verdict
from services.registry.imports.scope import Scope
from services.registry.store import imports
from services.registry.store.imports import Import
from shared import errors
from shared.auth import OFFICERS, Caller
from shared.commands import Decision
from shared.db import Conn
from shared.deps import Svc
from shared.errors import FieldError, Problem, Text
from shared.http import ID_PATTERN, Answer, Body, Id, Name, allow, router, who

routes = router("imports")


class ChoiceBody(Body):
    """What an ambiguous cell means."""

    column: Literal["unit", "village", "above", "organisation", "parent", "name"]
    id: Id = Field(description="One of the `choices` beside the cell.")
    row: int | None = Field(None, ge=1, le=2_000_000, description="For this line only.")
    text: Name | None = Field(None, description="Wherever this text stands in the column.")


class CommitImport(Body):
    """How to write it."""

    mode: Literal["all_or_nothing", "good_rows"] = Field(
        description="`all_or_nothing`: one refused line refuses all; `good_rows`: refused lines are left out."
    )
    choices: list[ChoiceBody] = Field(default=[], max_length=2_000)


class ImportCommitted(Answer):
    """What was written: lines by what they did."""

    import_id: str
    new: int
    changed: int
    unchanged: int
    refused: int = Field(description="Lines left out; they wait to be corrected for seven days.")
    events: int


@routes.post("/imports/{import_id}/commit", openapi_extra=who(OFFICERS, "own uploads; lines for the caller's units"))
async def commit_import(
    service: Svc,
    import_id: Annotated[str, Path(pattern=ID_PATTERN)],
    body: CommitImport,
    caller: Annotated[Caller, allow(*OFFICERS)],
) -> ImportCommitted:
    """Checks every line once more and writes them in one transaction; meanwhile its state is `committing`. The same
    body again: the first answer again."""

    async def work(conn: Conn, now: datetime) -> Decision:
        await imports.lock_upload(conn, import_id)  # nobody discards it meanwhile
        found = await own(conn, caller, import_id)
        may_import(service, caller, Kind(found.kind))
        _must_wait(found)
        choices = tuple(Choice(c.column, c.id, c.text, c.row) for c in body.choices)
        scope = Scope(frozenset(caller.units), service.province, now, choices)
        lines = await imports.lines(conn, import_id)
        asked = import_plan.Asked(Kind(found.kind), lines, caller, scope, True, tick)
        return await _write(conn, found, asked, body.mode)

    async with service.pool.acquire() as conn:
        await own(conn, caller, import_id)  # before the key is looked at: it is another's secret what became of theirs
    async with import_progress.of_commit(service, import_id) as tick:
        done = await service.commands.execute(
            "commit_import", work, by=caller, key=import_id, body=body, field="import_id"
        )
    return ImportCommitted(**done.answer, pos=done.pos)


async def _write(conn: Conn, found: Import, asked: import_plan.Asked, mode: str) -> Decision:
    plan = await import_plan.make(conn, asked)
    refused = [v for v in plan.verdicts if v.outcome is Outcome.REFUSED]
    if refused and mode == "all_or_nothing":
        raise _refused(refused)
    await import_write.save(conn, asked, plan)
    await imports.save_commit(conn, found.import_id, refused, plan.summary, asked.scope.now)
    answer = {"import_id": found.import_id, **plan.summary, "events": len(plan.events)}
    return Decision(answer, plan.events)


def _must_wait(found: Import) -> None:
    if found.state == "checked":
        return
    if found.state == "committed":
        raise errors.conflict(
            "committed_already", "import_id", "Tệp này đã được ghi rồi.", "This upload is written already."
        )
    if found.state == "discarded":
        raise errors.conflict(
            "discarded_already",
            "import_id",
            "Tệp này đã được bỏ, không còn dòng nào. Hãy tải lên lại.",
            "This upload was discarded and its lines are gone. Upload the file again.",
        )
    raise errors.conflict(
        "import_not_ready",
        "import_id",
        "Tệp này chưa kiểm tra xong, có lỗi hoặc đã quá hạn. Hãy xem trạng thái rồi ghi hoặc tải lên lại.",
        "This upload is not checked yet, failed, or has expired. Look at its state; upload it again if need be.",
    )


def _refused(refused: list[Verdict]) -> Problem:
    """The first lines that cannot be written; nothing was."""
    fields = [
        FieldError(f"rows.{v.number}.{r.column or 'line'}", r.text)
        for v in refused[:50]
        for r in v.remarks
        if r.refuses
    ]
    return Problem(
        422,
        "rows_refused",
        Text(
            f"{len(refused)} dòng chưa ghi được nên chưa ghi dòng nào. Hãy sửa các dòng đó, hoặc chỉ ghi các dòng tốt.",
            f"{len(refused)} lines cannot be written, so none was. Correct them, or write the good lines only.",
        ),
        fields=tuple(fields[:50]),
    )
