"""Real servers once a run, a new database a test, and no error in the logs that nobody expected."""

import logging
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path

import pytest
import structlog

from tests.support import chromium
from tests.support.memory import in_memory
from tests.support.servers import Databases, Nats, Postgres, databases_of, new_nats, new_postgres, wipe_streams

_NEEDS_DOCKER = ("compose", "testcontainers")
_SLOW = ("slow", *_NEEDS_DOCKER)
_left_out = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Postgres]:
    """The Postgres of this run; a test that kills it takes `fresh_postgres`.

    Nobody cuts its power, so it need not wait for the disk: it keeps its files in memory where there is enough.
    """
    with in_memory(tmp_path_factory.mktemp("postgres")) as folder:
        server = new_postgres(folder, settings={"fsync": "off", "max_wal_size": "256MB"})
        await server.start()
        yield server
        await server.stop()
        server.remove()


@pytest.fixture(scope="session")
async def nats(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Nats]:
    """The NATS of this run; a test that makes streams takes `nats_url`, one that kills it `fresh_nats`."""
    server = new_nats(tmp_path_factory.mktemp("nats"))
    await server.start()
    yield server
    await server.stop()
    server.remove()


@pytest.fixture
async def nats_url(nats: Nats) -> AsyncIterator[str]:
    """The address of the shared NATS, whose streams are deleted after the test."""
    yield nats.url
    await wipe_streams(nats.url)


@pytest.fixture
async def fresh_nats(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Nats]]]:
    """`await fresh_nats(config=None)` starts a server of the test's own, to kill, stop and restore."""
    made: list[Nats] = []

    async def start(config: str | None = None) -> Nats:
        made.append(new_nats(tmp_path / f"nats-{len(made)}", config=config))
        await made[-1].start()
        return made[-1]

    yield start
    for server in made:
        await server.stop()
        server.remove()


@pytest.fixture
async def fresh_postgres(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Postgres]]]:
    """`await fresh_postgres(settings=None)` starts a server of the test's own; `Databases(server)` fills it."""
    made: list[Postgres] = []

    async def start(settings: Mapping[str, str] | None = None) -> Postgres:
        made.append(new_postgres(tmp_path / f"postgres-{len(made)}", settings=settings))
        await made[-1].start()
        return made[-1]

    yield start
    for server in made:
        await server.stop()
        server.remove()


@pytest.fixture(scope="session")
def _databases(postgres: Postgres) -> Databases:
    return databases_of(postgres)


@pytest.fixture
async def database(_databases: Databases) -> AsyncIterator[Callable[..., Awaitable[str]]]:
    """`await database(*migration_folders)` makes a new database with those migrations and answers with its address."""
    yield _databases.create
    await _databases.drop()


@pytest.fixture(scope="session", autouse=True)
def _one_way_to_log() -> None:
    """Send structlog where the standard library's records go, so that the check below sees both."""
    structlog.configure(
        processors=[structlog.stdlib.add_log_level, structlog.processors.KeyValueRenderer(key_order=["event"])],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


@pytest.fixture(autouse=True)
def _logs_as_before(_one_way_to_log: None) -> Iterator[None]:
    """Take back what a command that ran within the test did to the logs of this process."""
    loggers = [logging.getLogger(name) for name in ("", "uvicorn.access", "httpx", "httpcore", "asyncio")]
    levels, handlers, structured = [found.level for found in loggers], loggers[0].handlers[:], structlog.get_config()
    yield
    for found, level in zip(loggers, levels, strict=True):
        found.setLevel(level)
    if not set(handlers) <= set(loggers[0].handlers):
        loggers[0].handlers[:] = handlers
    structlog.configure(**structured)


@pytest.fixture(autouse=True)
def _no_unexpected_errors(request: pytest.FixtureRequest, _one_way_to_log: None) -> Iterator[None]:
    """Fail a test that logs an error, unless it is marked `expects_errors`."""
    if request.node.get_closest_marker("expects_errors"):
        yield
        return
    errors: list[logging.LogRecord] = []
    make = logging.getLogRecordFactory()

    # Where records are made, not a handler: setting up the logs in a test replaces the handlers.
    def watch(*args: object, **kwargs: object) -> logging.LogRecord:
        record = make(*args, **kwargs)
        if record.levelno >= logging.ERROR:
            errors.append(record)
        return record

    logging.setLogRecordFactory(watch)
    yield
    logging.setLogRecordFactory(make)
    said = "\n".join(f"  {record.name}: {record.getMessage()}" for record in errors)
    assert not errors, f"errors were logged (mark the test expects_errors if they belong to it):\n{said}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out, visibly, what needs a browser or a Docker engine that is not there. Nothing else is ever left out."""
    if chromium.find() is None:
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(pytest.mark.skip(reason=chromium.REASON))
    wanting = [item for item in items if any(item.get_closest_marker(name) for name in _NEEDS_DOCKER)]
    if wanting and not _docker_answers():
        items[:] = [item for item in items if item not in wanting]
        config.hook.pytest_deselected(items=wanting)
        config.stash[_left_out] = [item.nodeid for item in wanting]
    items[:] = _spread(items)


def _spread(items: list[pytest.Item]) -> list[pytest.Item]:
    """Files with slow tests among the others, none near the end: they mostly wait, and there they would wait alone."""
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    slow = {path for path, tests in files.items() if any(t.get_closest_marker(name) for t in tests for name in _SLOW)}
    quick = [path for path in files if path not in slow]
    places = {path: n for n, path in enumerate(quick)}
    places |= {path: n * len(quick) // (len(slow) + 2) - 1 for n, path in enumerate(sorted(slow, reverse=True))}
    return [item for path in sorted(files, key=lambda path: (places[path], path)) for item in files[path]]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name what was left out. With several processes each of them left it out, and only this one speaks."""
    names = config.stash.get(_left_out, None)
    if names is None and config.getoption("numprocesses", None) and not _docker_answers():
        names = [f"every test marked {name}" for name in _NEEDS_DOCKER]
    if names:
        terminalreporter.section("left out: no Docker engine answers")
        for name in names:
            terminalreporter.line(name)


def _docker_answers() -> bool:
    if shutil.which("docker") is None:
        return False
    try:
        asked = subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=30)
    except subprocess.TimeoutExpired:
        return False
    return asked.returncode == 0
