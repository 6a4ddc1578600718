"""Every module imports only from its own layer or an earlier one, and no two import each other."""

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("zoo", "segbench", "studies")

# A name ending in ".*" is a package with all that is in it; one without is that module alone.
LAYERS = (
    ("zoo.errors", "zoo.frozen", "zoo.values", "zoo.spec", "zoo.importing", "zoo.registry",
     "segbench.errors", "segbench.units"),
    ("segbench.machine", "segbench.results", "segbench.metrics", "segbench.statistics",
     "segbench.recording", "segbench.pairs", "segbench.two_speeds", "segbench.comparison",
     "segbench.confusion",
     "segbench.evaluations", "segbench.reproductions",
     "segbench.schemas",
     "segbench.store", "segbench.searches", "segbench.retrainings",
     "segbench.search", "segbench.search.pareto", "segbench.search.layers",
     "segbench.search.space", "segbench.search.seen", "segbench.search.prospects",
     "segbench.search.rungs",
     "segbench.search.proposing", "segbench.search.surrogate", "segbench.search.front_sampler",
     "segbench.search.latency_model",
     "segbench.budgets", "segbench.budgets.verdicts", "segbench.budgets.limits",
     "segbench.budgets.budget", "segbench.budgets.toml_lines", "segbench.budgets.workload_keys",
     "segbench.budgets.budget_file", "segbench.budgets.judging", "segbench.budgets.baseline",
     "segbench.data", "segbench.data.errors", "segbench.data.scenes", "segbench.data.findings"),
    ("zoo.*",),
    ("segbench.cpus", "segbench.environment", "segbench.fitness", "segbench.disturbance",
     "segbench.protocol", "segbench.counting.*", "segbench.memory", "segbench.stopwatch",
     "segbench.warmup", "segbench.pictures", "segbench.picture_files", "segbench.runtimes.*",
     "segbench.reference", "segbench.data.*", "segbench.pretrained", "segbench.folder_lock"),
    ("segbench.settings", "segbench.subject", "segbench.origins", "segbench.instruments.*",
     "segbench.worker", "segbench.forking", "segbench.endings", "segbench.measuring",
     "segbench.fork_server", "segbench.crews", "segbench.kept_crews", "segbench.rounds",
     "segbench.repository", "segbench.revisions", "segbench.training.*", "segbench.evaluation",
     "segbench.prediction", "segbench.video"),
    # the last is the facade of these
    ("segbench.noise", "segbench.assembling", "segbench.runs", "segbench.profiling",
     "segbench.budgets.contests", "segbench.budgets.bench", "segbench.budgets.checking",
     "segbench.budgets.baselines", "segbench.search.*", "segbench"),
    ("segbench.report.*",),
    ("segbench.cli.*", "segbench.__main__", "segbench.pytest_plugin"),
    ("studies.*",),
)  # fmt: skip
WITHOUT_TORCH = (
    *LAYERS[0], *LAYERS[1], "segbench", "segbench.settings", "segbench.measuring",
    "segbench.endings", "segbench.fork_server", "segbench.crews", "segbench.kept_crews",
    "segbench.rounds", "segbench.repository", "segbench.revisions", "segbench.noise",
    "segbench.assembling", "segbench.runs", "segbench.profiling", "segbench.budgets.*",
    "segbench.data.*", "segbench.picture_files", "segbench.report.*", "segbench.cli.*",
    "segbench.__main__", "segbench.pytest_plugin",
)  # fmt: skip
REPORT_MAY_IMPORT = (*LAYERS[0], *LAYERS[1], "segbench.report.*")
HEAVY = ("torch", "torchvision", "fvcore")


def belongs(module, pattern):
    package, is_package, _ = pattern.partition(".*")
    return module == package or bool(is_package and module.startswith(f"{package}."))


def layer_of(module):
    """Return the number of the layer, an exact name before a package; None if it is in none."""
    exact = [number for number, names in enumerate(LAYERS, 1) if module in names]
    within = [
        number
        for number, names in enumerate(LAYERS, 1)
        if any(belongs(module, name) for name in names)
    ]
    return next(iter(exact + within), None)


def name_of(file):
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {
    name_of(file): file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))
}
TREES = {module: ast.parse(file.read_text()) for module, file in FILES.items()}


def imported(node):
    """Return what an import statement names, modules of ours in full."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        names = [f"{node.module}.{alias.name}" for alias in node.names]
        return [name if name in FILES else node.module for name in names]
    return []


def imports_of(module):
    """Return all modules that it imports, in functions and under TYPE_CHECKING too."""
    found = {name for node in ast.walk(TREES[module]) for name in imported(node)}
    return found - {module}


def own_imports_of(module):
    return {name for name in imports_of(module) if name.partition(".")[0] in PACKAGES}


def run_time_imports_of(module):
    """Return all modules that it imports when it runs: not those for type checkers alone."""
    found = set()

    def visit(node):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            for child in node.orelse:
                visit(child)
            return
        found.update(imported(node))
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(TREES[module])
    return found


def test_the_modules_are_found():
    assert {"zoo.registry", "segbench.profiling", "segbench.counting", "segbench"} <= set(FILES)
    assert "segbench.results" in imports_of("segbench.metrics")  # under TYPE_CHECKING
    assert "segbench.store" in imports_of("segbench.cli.app")  # in a function


def test_the_rule_itself_can_tell_layers_apart():
    assert layer_of("zoo.registry") == 1
    assert layer_of("zoo.layers") == layer_of("zoo") == 3
    assert layer_of("segbench.counting.traced") == 4
    assert layer_of("segbench.nowhere") is None


@pytest.mark.parametrize("module", FILES)
def test_a_module_is_in_a_layer(module):
    assert layer_of(module) is not None, f"{module} is in no layer; give it one in {__name__}"


@pytest.mark.parametrize("module", FILES)
def test_a_module_imports_from_its_own_and_earlier_layers_alone(module):
    layer = layer_of(module)
    later = {name for name in own_imports_of(module) if (layer_of(name) or 99) > (layer or 0)}
    assert not later


@pytest.mark.parametrize("module", [name for name in FILES if name.startswith("zoo")])
def test_the_zoo_never_imports_segbench(module):
    assert not {name for name in own_imports_of(module) if not name.startswith("zoo")}


@pytest.mark.parametrize("module", [name for name in FILES if belongs(name, "segbench.report.*")])
def test_a_report_imports_results_and_no_measuring(module):
    foreign = {
        name
        for name in own_imports_of(module)
        if not any(belongs(name, allowed) for allowed in REPORT_MAY_IMPORT) and name != "segbench"
    }
    assert not foreign


def test_nothing_imports_a_study():
    assert not {
        module
        for module in FILES
        if not module.startswith("studies")
        and any(name.startswith("studies") for name in imports_of(module))
    }


def test_there_are_no_cycles_among_modules():
    graph = {module: own_imports_of(module) & set(FILES) for module in FILES}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"modules import each other: {' -> '.join(reversed(error.args[1]))}")
    assert set(order) == set(FILES)


@pytest.mark.parametrize(
    "module", [m for m in FILES if any(belongs(m, name) for name in WITHOUT_TORCH)]
)
def test_a_module_of_the_supervisor_imports_no_torch(module):
    heavy = {name for name in run_time_imports_of(module) if name.partition(".")[0] in HEAVY}
    assert not heavy


@pytest.mark.parametrize(
    "module",
    ["segbench", "segbench.profiling", "segbench.measuring", "segbench.report", "segbench.cli.app",
     "segbench.report.choosing", "segbench.report.frame", "segbench.store", "segbench.comparison",
     "segbench.budgets.checking", "segbench.budgets.baselines", "segbench.pytest_plugin", "zoo"],
)  # fmt: skip
def test_importing_a_module_of_the_supervisor_leaves_torch_out(module):
    code = f"import sys, {module}; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout == "False\n"


def test_importing_a_measuring_instrument_does_need_torch():
    code = "import sys, segbench.subject; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout == "True\n"
