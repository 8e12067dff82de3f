"""Reads and checks uploads, one after the other, while the one who uploaded watches the progress."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import NamedTuple

from services.registry import import_plan, import_progress
from services.registry.imports import sheet
from services.registry.imports.kinds import Kind
from services.registry.imports.scope import Scope
from services.registry.person import Action, Why
from services.registry.store import imports
from services.registry.store import vault as vault_store
from shared.auth import Caller
from shared.cancellation import heed_cancellation
from shared.clock import system_clock
from shared.db import INFRASTRUCTURE_ERRORS
from shared.errors import FieldError, Problem, Text
from shared.garbage import collect_rarely
from shared.service import Service
from shared.sheets import reading
from shared.telemetry import current_traceparent, logger

log = logger(__name__)

KEPT = timedelta(days=7)
"""How long lines wait for their commit; then they are deleted."""
WAITING = 20
"""Uploads that may wait in a process; the next one is asked to come back."""
SILENT = timedelta(seconds=60)
"""An upload on which nobody said to work for so long was interrupted: its process has ended."""
_HEARTBEAT = 10.0
_NAME = "imports"

BUSY = Problem(
    503,
    "imports_busy",
    Text(
        "Nhiều tệp đang chờ kiểm tra. Hãy tải lên lại sau một phút.",
        "Many files are waiting to be checked. Upload it again in a minute.",
    ),
    fields=(FieldError("file", Text("đang bận", "busy")),),
    retry_after=60,
)
FAILED = Problem(
    500,
    "import_failed",
    Text(
        "Có lỗi ngoài dự kiến khi kiểm tra tệp; chưa có gì được ghi. Hãy tải lên lại hoặc báo bộ phận hỗ trợ.",
        "Something unexpected went wrong while the file was checked; nothing was written. Upload it again.",
    ),
)
INTERRUPTED = Problem(
    503,
    "import_interrupted",
    Text(
        "Hệ thống khởi động lại khi đang kiểm tra tệp; chưa có gì được ghi. Hãy tải lên lại.",
        "The system restarted while the file was checked; nothing was written. Upload it again.",
    ),
)


class Job(NamedTuple):
    """A file to be read."""

    import_id: str
    kind: Kind
    data: bytes
    caller: Caller


class Worker:
    """Reads and checks the uploads of this process."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._jobs: asyncio.Queue[Job] = asyncio.Queue(WAITING)
        self._alive: set[str] = set()

    def take(self, job: Job) -> None:
        """Queues an upload. Raises 503 when too many wait."""
        try:
            self._jobs.put_nowait(job)
        except asyncio.QueueFull as error:
            raise BUSY from error
        self._alive.add(job.import_id)

    @property
    def full(self) -> bool:
        """Whether the next upload would be refused."""
        return self._jobs.full()

    async def run(self) -> None:
        """Works until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._heartbeat())
            group.create_task(self._purge())
            while True:
                job = await self._jobs.get()
                await self._work(job)
                heed_cancellation()
                self._alive.discard(job.import_id)

    async def _work(self, job: Job) -> None:
        try:
            await self._check(job)
        except Problem as problem:
            await self._fail(job, problem)
        except INFRASTRUCTURE_ERRORS as error:
            log.warning("import_interrupted", reason=type(error).__name__)
            await self._fail(job, INTERRUPTED)
        except Exception:
            log.exception("import_failed", kind=job.kind.value)
            await self._fail(job, FAILED)

    async def _fail(self, job: Job, problem: Problem) -> None:
        said = {
            "type": problem.slug,
            "messages": problem.detail._asdict(),
            "errors": [{"field": f.field, "message": f.message._asdict()} for f in problem.fields],
            "seems": problem.seems.value if isinstance(problem, sheet.WrongForm) else None,
        }
        try:
            async with self._service.pool.acquire() as conn, conn.transaction():
                await imports.note_failure(conn, job.import_id, said, system_clock())
        except INFRASTRUCTURE_ERRORS as error:
            log.warning("import_failure_not_noted", reason=type(error).__name__)  # it will be shown as interrupted

    async def _check(self, job: Job) -> None:
        service = self._service
        async with service.pool.acquire() as conn:
            await imports.note_progress(conn, job.import_id, "reading", 0, system_clock())
        sheets = await reading.read(job.data)
        found = await asyncio.to_thread(sheet.read, sheets, job.kind)
        async with service.pool.acquire() as conn, conn.transaction():
            await imports.save_lines(conn, job.import_id, found)
        scope = Scope(frozenset(job.caller.units), service.province, service.clock())

        async def write(done: int) -> None:
            async with service.pool.acquire() as conn:
                await imports.note_progress(conn, job.import_id, "checking", done, system_clock())

        async with import_progress.written(write) as tick, service.pool.acquire() as conn, conn.transaction():
            asked = import_plan.Asked(job.kind, found.lines, job.caller, scope, False, tick)
            plan = await import_plan.make(conn, asked)
        async with service.pool.acquire() as conn, conn.transaction():
            await imports.save_verdicts(conn, job.import_id, plan.verdicts, plan.summary, system_clock())

    async def _heartbeat(self) -> None:
        while True:
            await asyncio.sleep(_HEARTBEAT)
            await self._quietly(self._note_alive)

    async def _note_alive(self) -> None:
        if self._alive:
            async with self._service.pool.acquire() as conn:
                await imports.note_alive(conn, sorted(self._alive), system_clock())

    async def _purge(self) -> None:
        while True:
            await self._quietly(lambda: purge(self._service))
            await asyncio.sleep(3600)

    async def _quietly(self, work: Callable[[], Awaitable[object]]) -> None:
        try:
            await work()
        except INFRASTRUCTURE_ERRORS as error:
            log.warning("imports_lost_database", reason=type(error).__name__)
            heed_cancellation()


async def purge(service: Service) -> list[str]:
    """Deletes lines that nobody committed in time, and puts that on record; answers with the uploads."""
    now = service.clock()
    async with service.pool.acquire() as conn, conn.transaction():
        gone = await imports.purge(conn, now - KEPT, now)
        access = vault_store.Access(now, "registry", [], Why.IMPORT, current_traceparent())
        await vault_store.note_access(conn, access, Action.ERASED, gone, [("import_rows",) for _ in gone])
    return gone


async def start(service: Service) -> None:
    """Starts the worker of a process that serves the API."""
    collect_rarely()  # the lines of an upload live until all of them are read, checked or written
    worker = service.extras[_NAME] = Worker(service)
    service.background(worker.run(), _NAME)


def worker_of(service: Service) -> Worker:
    """The worker that `start` made."""
    found: Worker = service.extras[_NAME]
    return found
