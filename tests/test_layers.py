"""The direction of imports, read from the source."""

import ast
import subprocess
import sys

import pytest
from helpers import PROJECT, environment

CAE = sorted((PROJECT / "cae").rglob("*.py"))
VIEWS = sorted(path for part in ("views", "sections") for path in (PROJECT / "dashboard" / part).glob("*.py"))

# A module imports only from rows above its own. One that is new finds its row here.
ROWS = [
    {"errors", "owners"},
    {"reading"},
    {"files"},
    {"locks"},
    {"datasets", "containers", "tickets", "folders"},
    {
        "config",
        "records",
        "metrics",
        "picks",
        "drawing",
        "attributes",
        "photo",
        "last_layer",
        "standalone",
        "parallel",
        "priors",
        "quality",
        "svg",
        "verdicts",
    },
    {"weights", "info"},
    {"model", "data", "optim", "augment", "pictures", "sources"},
    {"training", "runs", "state_dict"},
    {"limits"},
    {"jobs", "latent", "judge", "own_data"},
    {"trainer", "exchange", "evaluation", "projection", "figures", "browser", "graph"},
    {"maps", "probing", "sampling", "sweep", "classroom", "worksheet"},
    {"judging", "mapfilm", "animation", "lab", "boards", "evidence"},
    {"shipping", "exports", "facts", "answers"},
    {"report", "missions"},
    {"arguments", "terminal"},
    {"learn", "measure", "bring", "take", "teach"},
    {"cli"},
    {"__main__"},
]
RANK = {name: rank for rank, names in enumerate(ROWS) for name in names}
LIGHT = (
    "config", "records", "files", "locks", "runs", "jobs", "weights", "trainer", "cli", "errors", "metrics",
    "evaluation", "exchange", "sweep", "svg", "datasets", "reading", "state_dict", "sources", "own_data", "boards",
    "graph", "exports", "__init__",
    "folders", "info", "owners", "tickets", "limits", "classroom", "verdicts", "evidence", "answers", "missions",
    "worksheet",
)  # fmt: skip
HEAVY = {
    "torch", "torchvision", "sklearn", "skimage", "plotly", "scipy", "streamlit", "rich", "onnx", "onnxruntime",
    "tensorboard",
}  # fmt: skip


def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def is_for_types(node):
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def imports(node, everywhere=True, outermost=True):
    """The dotted names that are imported, those for type checking left out; or only those at module level."""
    for child in ast.iter_child_nodes(node):
        if is_for_types(child):
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports are absolute here"
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        elif everywhere or not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from imports(child, everywhere)


def packages(path, everywhere=True):
    return {name.split(".")[0] for name in imports(tree(path), everywhere)}


def own(path):
    """The modules of cae that a file imports."""
    found = (
        name.removeprefix("cae.").removeprefix("commands.") for name in imports(tree(path)) if name.startswith("cae.")
    )
    return {name.split(".")[0] for name in found}


def test_this_parser_sees_every_kind_of_import():
    source = (
        "import a.b\nfrom c import d\nif TYPE_CHECKING:\n    import e\n"
        "try:\n    import f\nexcept Exception:\n    pass\ndef g():\n    from h.i import j\n"
        "class K:\n    import l\n    def m(self):\n        import n\n"
    )
    assert list(imports(ast.parse(source))) == ["a.b", "c.d", "f", "h.i.j", "l", "n"]
    assert list(imports(ast.parse(source), everywhere=False)) == ["a.b", "c.d", "f", "l"]


@pytest.mark.parametrize("path", CAE, ids=lambda path: path.stem)
def test_imports_inside_cae_go_one_way(path):
    if path.stem == "__init__":
        return
    assert path.stem in RANK, f"cae/{path.name} has no row yet: give it one in ROWS"
    against = {name for name in own(path) if RANK.get(name, 99) >= RANK[path.stem]}
    assert not against, f"{path.stem} may not import {against}"


def test_model_and_data_do_not_know_each_other():
    assert "data" not in own(PROJECT / "cae" / "model.py")
    assert "model" not in own(PROJECT / "cae" / "data.py")


@pytest.mark.parametrize("path", CAE, ids=lambda path: path.stem)
def test_cae_knows_neither_streamlit_nor_the_dashboard(path):
    assert not packages(path) & {"streamlit", "dashboard", "start", "tests", "benchmarks"}


@pytest.mark.parametrize("path", CAE, ids=lambda path: path.stem)
def test_only_figures_imports_plotly_and_only_when_asked(path):
    assert "plotly" not in packages(path, everywhere=False)
    if path.stem != "figures":
        assert "plotly" not in packages(path)


@pytest.mark.parametrize("path", CAE, ids=lambda path: path.stem)
def test_only_the_command_line_prints(path):
    calls = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
    printed = [node.lineno for node in calls if isinstance(node.func, ast.Name) and node.func.id == "print"]
    assert not printed or path.stem == "cli" or path.parent.name == "commands"


@pytest.mark.parametrize("name", LIGHT)
def test_the_light_modules_import_nothing_heavy_at_module_level(name):
    assert not packages(PROJECT / "cae" / f"{name}.py", everywhere=False) & HEAVY


def test_the_light_modules_really_come_without_torch():
    names = [name for name in LIGHT if name != "__init__"]
    code = f"import cae, sys, {', '.join(f'cae.{name}' for name in names)}\nprint(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True)
    loaded = {name.split(".")[0] for name in ast.literal_eval(loaded.stdout)}
    assert "cae" in loaded
    assert not loaded & HEAVY


def test_everything_the_package_promises_is_there():
    import cae

    for name in cae.__all__:
        assert getattr(cae, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        cae.nonsense  # noqa: B018


def test_the_library_seeds_nothing_globally():
    for path in CAE:
        called = [ast.unparse(node.func) for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
        assert not {"torch.manual_seed", "np.random.seed", "random.seed", "torch.seed"} & set(called), path


def test_there_are_views_where_there_is_a_dashboard():
    if not (PROJECT / "dashboard" / "Home.py").exists():
        pytest.skip("there is no dashboard yet")
    assert VIEWS


@pytest.mark.parametrize("path", VIEWS, ids=lambda path: path.stem)
def test_a_view_is_a_recipe_without_torch_sklearn_and_session_state(path):
    assert not packages(path) & {"torch", "torchvision", "sklearn", "skimage", "plotly", "safetensors"}
    words = {node.attr for node in ast.walk(tree(path)) if isinstance(node, ast.Attribute)}
    words |= {node.id for node in ast.walk(tree(path)) if isinstance(node, ast.Name)}
    assert "session_state" not in words
    assert "unsafe_allow_html" not in path.read_text(encoding="utf-8")
