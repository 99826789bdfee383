"""The house: who may import whom, how long things may be, and what is public."""

import ast
import importlib
import inspect
import itertools
import random
import subprocess
import sys
from pathlib import Path

import pytest

import gridkit

ROOT = Path(gridkit.__file__).parent
BASE = [
    "errors",
    "messages",
    "files",
    "crs",
    "calendar",
    "slots",
    "schema",
    "tables",
    "rules",
    "sheets",
    "privacy",
    "_kernels",
]
ROOMS = [
    "intake",
    "division",
    "staffing",
    "location",
    "casework",
    "supervision",
    "evaluation",
    "publishing",
    "demo",
    "plan",
    "road",
    "cli",
]
ORDER = [*BASE, *ROOMS, "__main__"]
MODULES = sorted(ROOT.rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path, *, at_run_time: bool = False) -> set[str]:
    """Names of gridkit modules that a module imports, anywhere in it."""
    module = name_of(path)
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    tree = ast.parse(path.read_text("utf-8"))
    skipped = set()
    if at_run_time:
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                skipped |= {id(child) for child in ast.walk(node)}
    found = set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names if a.name.split(".")[0] == "gridkit"}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parent = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parent, base] if base else parent)
            if base.split(".")[0] == "gridkit":
                for alias in node.names:
                    full = f"{base}.{alias.name}"
                    is_module = full in ALL_NAMES
                    found.add(full if is_module else base)
    return found - {module}


ALL_NAMES = {name_of(p) for p in MODULES}


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_every_module_has_its_place_in_the_order():
    assert {room(m) for m in ALL_NAMES} - {""} <= set(ORDER)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_go_to_the_left(path):
    if name_of(path) == "gridkit":
        return
    own = ORDER.index(room(name_of(path)))
    for other in imports_of(path):
        if other == "gridkit":
            pytest.fail(f"{name_of(path)} imports the top level")
        assert ORDER.index(room(other)) <= own, f"{name_of(path)} imports {other}"


def test_no_import_cycles():
    graph = {name_of(p): imports_of(p, at_run_time=True) for p in MODULES}
    graph["gridkit"] = set()
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " → ".join([*trail, module])
        if module not in done:
            for other in graph.get(module, ()):
                if other != "gridkit":
                    visit(other, (*trail, module))
            done.add(module)

    for module in graph:
        visit(module, ())


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_and_functions_are_short(path):
    text = path.read_text("utf-8")
    assert text.count("\n") <= 600
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body
            if ast.get_docstring(node) is not None:
                body = body[1:]
            length = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            assert length <= 60, f"{node.name} has {length} lines"


def test_all_is_sorted_and_unique():
    assert list(gridkit.__all__) == sorted(set(gridkit.__all__))


def test_no_public_name_is_a_module():
    modules = {part for module in ALL_NAMES for part in module.split(".")}
    assert not set(gridkit.__all__) & modules


def test_type_checkers_see_the_same_names():
    tree = ast.parse((ROOT / "__init__.py").read_text("utf-8"))
    seen = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            for alias in node.names:
                seen[alias.asname] = node.module
    assert seen == gridkit._HOMES


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="no attribute 'Dashboard'"):
        _ = gridkit.Dashboard


@pytest.mark.parametrize("seed", range(3))
def test_every_name_loads_in_every_order(seed):
    """In a fresh process, in shuffled order, each name is what its home holds, never a module."""
    names = list(gridkit.__all__)
    random.Random(seed).shuffle(names)
    program = (
        "import gridkit, types\n"
        f"for name in {names!r}:\n"
        "    value = getattr(gridkit, name)\n"
        "    assert not isinstance(value, types.ModuleType), name\n"
        "    assert value.__module__.startswith('gridkit.'), name\n"
        f"for name in {names!r}:\n"
        "    assert not isinstance(getattr(gridkit, name), types.ModuleType), name\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_import_loads_nothing_heavy():
    program = (
        "import sys, gridkit\n"
        "heavy = {'numpy', 'pandas', 'geopandas', 'shapely', 'folium', 'scipy', 'pyproj'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("name", sorted(gridkit.__all__))
def test_every_public_name_is_documented_with_an_example(name):
    doc = inspect.getdoc(getattr(gridkit, name))
    assert doc
    assert "Examples\n--------" in doc, f"{name} has no example"
    assert ">>>" in doc
    value = getattr(gridkit, name)
    if inspect.isfunction(value):
        for parameter in inspect.signature(value).parameters:
            assert parameter in doc, f"{name} does not document {parameter}"


def test_rooms_export_what_they_say():
    for path in MODULES:
        module = importlib.import_module(name_of(path))
        exported = getattr(module, "__all__", [])
        assert len(set(exported)) == len(exported), name_of(path)
        for name in exported:
            assert hasattr(module, name), f"{name_of(path)}.{name}"


def test_order_names_each_once():
    assert all(a != b for a, b in itertools.combinations(ORDER, 2))
