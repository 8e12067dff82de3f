"""POST /imports/{import_id}/discard: what was uploaded is not to be written; its lines are deleted at once."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Path

from services.registry.import_show import MINE, ImportView, note, own, view
from services.registry.person import Action
from services.registry.store import imports
from shared import errors
from shared.auth import OFFICERS, Caller
from shared.commands import Decision
from shared.db import Conn
from shared.deps import Svc
from shared.http import ID_PATTERN, Answer, allow, router, who

routes = router("imports")


class ImportDiscarded(Answer):
    """An upload of which nothing is kept."""

    import_id: str


@routes.post("/imports/{import_id}/discard", openapi_extra=who(OFFICERS, MINE))
async def discard_import(
    service: Svc, import_id: Annotated[str, Path(pattern=ID_PATTERN)], caller: Annotated[Caller, allow(*OFFICERS)]
) -> ImportDiscarded:
    """Deletes the lines and the name of the file, and puts that on record. Again, or where nothing is kept any more:
    nothing more. What is written, or being checked or written, cannot be discarded."""

    async def work(conn: Conn, now: datetime) -> Decision:
        must_not_be_under_way(view(await own(conn, caller, import_id)))
        await imports.lock_upload(conn, import_id)  # a commit that has just begun ends first
        found = await own(conn, caller, import_id)
        must_not_be_under_way(view(found))
        if found.purged_at is None:
            await imports.save_discard(conn, import_id, now)
            await note(conn, caller, Action.ERASED, import_id, now)
        return Decision({"import_id": import_id})

    done = await service.commands.execute("discard_import", work, by=caller)
    return ImportDiscarded(**done.answer, pos=done.pos)


def must_not_be_under_way(found: ImportView) -> None:
    """Raises 409 for an upload that is written, or that somebody works on."""
    if found.state == "committed":
        raise errors.conflict(
            "committed_already",
            "import_id",
            "Tệp này đã được ghi vào sổ nên không bỏ được nữa.",
            "This upload is written; it cannot be discarded any more.",
        )
    if found.state in ("waiting", "reading", "checking", "committing"):
        raise errors.conflict(
            "import_under_way",
            "import_id",
            "Tệp này đang được ghi. Hãy chờ xong." if found.state == "committing"
            else "Tệp này đang được kiểm tra. Hãy chờ kiểm tra xong rồi bỏ.",
            "This upload is being written. Wait until it is done." if found.state == "committing"
            else "This upload is being checked. Wait until that is done, then discard it.",
        )  # fmt: skip
