"""Who may import whom. Each guard is shown red on a small bad sample before it is trusted with the product."""

import re
from pathlib import Path

import grimp
import pytest

RULES = re.compile(r"services\.\w+\.(team|unit|campaign|guidance|course|quiz|on_\w+|projections(\.\w+)*)")
"""Rules and folds: they get their clock, their ids and their rows as arguments, and touch nothing else."""

OUTSIDE = (
    "asyncpg", "nats", "faststream", "fastapi", "starlette", "httpx", "uvicorn", "jinja2", "structlog", "typer",
    "prometheus_client", "uuid_utils", "asyncio", "socket", "subprocess", "random", "secrets", "uuid", "os", "logging",
)  # fmt: skip
PLUMBING = (
    "shared.bus", "shared.db", "shared.event_log", "shared.follow", "shared.http", "shared.ids", "shared.relay",
    "shared.settings", "shared.telemetry", "shared.wire", "shared.projection.engine", "shared.projection.store",
)  # fmt: skip


@pytest.fixture(scope="module")
def product() -> grimp.ImportGraph:
    return graph_of("shared", "services", "phongtrao")


def test_services_never_import_each_other(product: grimp.ImportGraph) -> None:
    assert crossings(product) == []


def test_shared_knows_no_service_and_nothing_knows_how_it_is_composed(product: grimp.ImportGraph) -> None:
    assert climbs(product) == []


def test_rules_and_folds_reach_no_input_and_no_output(product: grimp.ImportGraph) -> None:
    assert rules_in(product), "no rule module was found: has the layout changed?"
    assert impurities(product) == []


SAMPLE = {
    "shared/__init__.py": "",
    "shared/clock.py": "import datetime",
    "shared/db.py": "import asyncpg",
    "shared/helper.py": "from shared import db",
    "shared/wrong.py": "from services.registry import store",
    "services/__init__.py": "",
    "services/registry/__init__.py": "",
    "services/registry/store.py": "from shared import db",
    "services/registry/team.py": "from shared import clock",
    "services/registry/unit.py": "from shared.helper import db",
    "services/registry/wrong.py": "from phongtrao import cli",
    "services/outreach/__init__.py": "",
    "services/outreach/on_team_formed.py": "from services.registry.team import clock",
    "services/reporting/__init__.py": "",
    "services/reporting/projections/__init__.py": "",
    "services/reporting/projections/progress.py": "import random",
    "phongtrao/__init__.py": "",
    "phongtrao/cli.py": "from services.registry import store",
}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> grimp.ImportGraph:
    """The sample under other names: the real packages may be loaded already."""
    root = tmp_path_factory.mktemp("sample")
    for name, source in SAMPLE.items():
        file = root / re.sub(r"^", "sample_", name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(re.sub(r"\b(shared|services|phongtrao)\b", r"sample_\1", source))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(root)
        graph = graph_of("sample_shared", "sample_services", "sample_phongtrao")
    return renamed(graph)


def test_the_guards_go_red_on_a_bad_sample(sample: grimp.ImportGraph) -> None:
    assert crossings(sample) == ["services.outreach.on_team_formed imports services.registry.team"]
    assert climbs(sample) == [
        "services.registry.wrong imports phongtrao.cli",
        "shared.wrong imports services.registry.store",
    ]
    assert impurities(sample) == [
        "services.registry.unit -> shared.helper -> shared.db",
        "services.registry.unit -> shared.helper -> shared.db -> asyncpg",
        "services.reporting.projections.progress -> random",
    ]


def graph_of(*packages: str) -> grimp.ImportGraph:
    return grimp.build_graph(*packages, include_external_packages=True, cache_dir=None)


def renamed(graph: grimp.ImportGraph) -> grimp.ImportGraph:
    """The same graph without the names that keep the sample apart."""
    plain = grimp.ImportGraph()
    for module in graph.modules:
        plain.add_module(module.removeprefix("sample_"), is_squashed=graph.is_module_squashed(module))
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            plain.add_import(importer=module.removeprefix("sample_"), imported=imported.removeprefix("sample_"))
    return plain


def imports(graph: grimp.ImportGraph) -> list[tuple[str, str]]:
    return sorted((by, of) for by in graph.modules for of in graph.find_modules_directly_imported_by(by))


def service_of(module: str) -> str | None:
    top, _, rest = module.partition(".")
    return rest.partition(".")[0] if top == "services" and rest else None


def crossings(graph: grimp.ImportGraph) -> list[str]:
    return [
        f"{by} imports {of}"
        for by, of in imports(graph)
        if service_of(by) and service_of(of) and service_of(by) != service_of(of)
    ]


def climbs(graph: grimp.ImportGraph) -> list[str]:
    height = {"shared": 0, "services": 1, "phongtrao": 2}
    tops = [(by, of, height.get(by.partition(".")[0]), height.get(of.partition(".")[0])) for by, of in imports(graph)]
    return [f"{by} imports {of}" for by, of, low, high in tops if low is not None and high is not None and low < high]


def rules_in(graph: grimp.ImportGraph) -> list[str]:
    return sorted(module for module in graph.modules if RULES.fullmatch(module))


def impurities(graph: grimp.ImportGraph) -> list[str]:
    """Every shortest way from a rule to the outside world, over however many modules."""
    pairs = ((rule, to) for rule in rules_in(graph) for to in sorted({*OUTSIDE, *PLUMBING} & graph.modules))
    chains = (graph.find_shortest_chain(importer=rule, imported=to) for rule, to in pairs)
    return sorted(" -> ".join(chain) for chain in chains if chain)


def test_every_forbidden_plumbing_module_exists() -> None:
    root = Path(__file__).parents[2]
    for name in PLUMBING:
        path = root / name.replace(".", "/")
        assert path.with_suffix(".py").exists() or path.is_dir(), f"{name} is guarded but gone: update the list"
