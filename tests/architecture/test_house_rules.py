"""House rules that a reviewer would otherwise repeat. Each guard is shown red on a bad sample."""

import ast
import re
import statistics
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = ("shared", "services", "phongtrao")
LONGEST_FILE = {"tests": 400, "shared": 300, "services": 300, "phongtrao": 300}

MAY_HOLD_SQL = (
    "services/*/store.py", "services/*/store/*.py", "shared/projection/store*.py", "shared/event_log.py",
    "shared/db.py", "shared/commands.py", "shared/receipts.py", "shared/leader.py", "phongtrao/embedded.py",
)  # fmt: skip
RULES = (
    "services/*/team.py", "services/*/team_end.py", "services/*/team_voided.py", "services/*/site.py",
    "services/*/membership.py",
    "services/*/unit*.py", "services/*/reform*.py", "services/*/campaign.py",
    "services/*/guidance.py", "services/*/course.py", "services/*/quiz.py", "services/*/on_*.py",
    "services/*/projections/*.py", "services/*/organisation.py", "services/*/organisations.py",
    "services/*/organisation_refusals.py", "services/*/person.py", "services/*/ranking.py", "services/*/imports/*.py",
    "services/*/maps.py", "shared/contracts/history.py",
)  # fmt: skip

SQL = re.compile(
    r"\A\s*(select\b[^.]|with \w+( \([\w, ]+\))? as\b|insert into\b|update [\w.\"{}]+( as \w+)?\s+set\b|delete from\b"
    r"|truncate\b|notify\b|listen \w+\Z|lock table\b"
    r"|(create|alter|drop) (table|index|view|schema|database|role|type)\b)"
    r"|\bselect\s[^.]+\sfrom\s+[\w\"{]+\s+(where|order by|group by|limit)\b|\bon conflict\b.*\bdo\b"
)
SQL_SHOUTED = re.compile(r"\A\s*(SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM|CREATE TABLE|WITH \w+ AS)\b")
FROM_THE_WORLD = re.compile(
    r"(\w+\.)*((datetime|date)\.(now|utcnow|today)|time\.(time|time_ns|monotonic|monotonic_ns|perf_counter)"
    r"|(uuid_utils|uuid)\.\w+|uuid[1-8]|(random|secrets|os)\.\w+|open|print|input|now|utc_now|(clock\.)?system_clock)"
)
REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("npmjs", "com"), ("yarnpkg", "com"),
        ("ghcr", "io"), ("docker", "io"), ("quay", "io"), ("mcr", "microsoft", "com"),
    )
]  # fmt: skip
"""Put together from parts: this file is searched too."""


def test_sql_is_only_where_it_belongs() -> None:
    found = [hit for file in python_files(*PRODUCT) if not matches(file, MAY_HOLD_SQL) for hit in sql_in(file)]
    assert found == []


def test_every_place_that_may_hold_sql_exists() -> None:
    for pattern in MAY_HOLD_SQL:
        assert list(ROOT.glob(pattern)), f"{pattern} may hold SQL but is gone: update the list"


def test_rules_and_folds_ask_no_clock_and_make_no_id() -> None:
    files = [file for file in python_files("services", "shared") if matches(file, RULES)]
    assert files, "no rule file was found: has the layout changed?"
    assert [hit for file in files for hit in calls_to_the_world(file)] == []


def test_no_file_is_too_long_to_read_at_a_sitting() -> None:
    lengths = {file: len(file.read_text().splitlines()) for file in python_files(*LONGEST_FILE)}
    assert {str(file): n for file, n in lengths.items() if n > LONGEST_FILE[file.relative_to(ROOT).parts[0]]} == {}


def test_functions_are_short() -> None:
    lengths = sorted(length for file in python_files(*PRODUCT) for length in function_lengths(file.read_text()))
    assert statistics.median(lengths) <= 8
    assert lengths[int(len(lengths) * 0.95)] <= 40


def test_the_tree_names_no_registry_and_carries_no_lock_that_would() -> None:
    files = tracked_files()
    assert ROOT / "pyproject.toml" in files
    assert forbidden_files(files) == []
    assert [hit for file in files for hit in registries_in(file)] == []


@pytest.mark.parametrize(
    "statement",
    [
        "'select name from team where id = $1'",
        "'''\n    insert into team (id) values ($1)\n'''",
        "f'update {table} set x = 1'",
        "'delete from ' + table",
        "'with d as (delete from stage returning *) select 1'",
        "'SELECT 1'",
        "'create table t ()'",
        "f'{head} select a from t where b'",
    ],
)
def test_the_guard_finds_sql(tmp_path: Path, statement: str) -> None:
    file = tmp_path / "page.py"
    file.write_text(f"def f(table, head):\n    return {statement}\n")
    assert len(sql_in(file)) == 1


def test_the_guard_for_sql_reads_over_prose(tmp_path: Path) -> None:
    file = tmp_path / "page.py"
    file.write_text(
        '"""select everything from this text where it is prose"""\n'
        'X = ["Select a unit from the list.", "update the list", "created", "select", "a note with a word as text"]\n'
        'def f():\n    """insert into the log, then notify"""\n'
    )
    assert sql_in(file) == []


@pytest.mark.parametrize(
    "call",
    ["datetime.now(UTC)", "datetime.datetime.now()", "date.today()", "time.time()", "uuid4()", "uuid.uuid4()",
     "uuid7()", "uuid_utils.compat.uuid7()", "random.random()", "secrets.token_hex()", "os.getenv('A')", "open('x')",
     "clock.now()", "system_clock()"],
)  # fmt: skip
def test_the_guard_finds_clocks_ids_and_files(tmp_path: Path, call: str) -> None:
    file = tmp_path / "team.py"
    file.write_text(f"def decide(state):\n    return {call}\n")
    assert len(calls_to_the_world(file)) == 1


def test_the_guard_for_clocks_lets_what_was_handed_in_pass(tmp_path: Path) -> None:
    file = tmp_path / "team.py"
    file.write_text("def decide(now, new_id):\n    return now.date(), new_id(), date(2023, 7, 28), local_day(now)\n")
    assert calls_to_the_world(file) == []


def test_the_guards_for_the_tree_go_red(tmp_path: Path) -> None:
    lock, settings = tmp_path / ("uv" + ".lock"), tmp_path / "settings.toml"
    lock.write_text("")
    settings.write_text(f"[index]\nurl = 'https://{REGISTRIES[0]}/simple'\n")

    assert forbidden_files([lock, settings]) == [str(lock)]
    assert registries_in(settings) == [f"{settings}:2: {REGISTRIES[0]}"]


def test_the_length_of_a_function_leaves_out_its_docstring() -> None:
    source = 'def f():\n    """One\n    two\n    """\n    a = 1\n    return a\n\ndef g(): ...\n'
    assert function_lengths(source) == [2, 1]


def python_files(*folders: str) -> Iterator[Path]:
    return (file for folder in folders for file in sorted((ROOT / folder).rglob("*.py")))


def matches(file: Path, patterns: Iterable[str]) -> bool:
    return any(file in set(ROOT.glob(pattern)) for pattern in patterns)


def sql_in(file: Path) -> list[str]:
    """SQL in string literals, f-strings included, docstrings not."""
    tree = ast.parse(file.read_text())
    return [
        f"{file}:{node.lineno}: {text.strip()[:60]}"
        for node, text in literals(tree)
        if SQL.search(text) or SQL_SHOUTED.search(text)
    ]


def literals(tree: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(node.value)  # a docstring
        elif isinstance(node, ast.JoinedStr):
            skipped.update(ast.walk(node))
            yield node, "".join(str(v.value) if isinstance(v, ast.Constant) else "{}" for v in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in skipped:
            yield node, node.value


def calls_to_the_world(file: Path) -> list[str]:
    called = [node.func for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
    return [
        f"{file}:{func.lineno}: {ast.unparse(func)}" for func in called if FROM_THE_WORLD.fullmatch(ast.unparse(func))
    ]


def function_lengths(source: str) -> list[int]:
    functions = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [(node.end_lineno or 0) - body_start(node) + 1 for node in functions]


def body_start(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first, *rest = node.body
    return rest[0].lineno if rest and ast.get_docstring(node) is not None else first.lineno


def tracked_files() -> list[Path]:
    """What the repository holds, and what would be added to it."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def forbidden_files(files: Iterable[Path]) -> list[str]:
    return [str(file) for file in files if file.name in ("uv" + ".lock", ".npmrc", ".pypirc", "pip.conf", "uv.toml")]


def registries_in(file: Path) -> list[str]:
    text = file.read_bytes().decode(errors="ignore")
    if not any(host in text for host in REGISTRIES):
        return []
    lines = enumerate(text.splitlines(), 1)
    return [f"{file}:{number}: {host}" for number, line in lines for host in REGISTRIES if host in line]
