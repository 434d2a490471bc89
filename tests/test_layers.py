"""The direction of imports, read from the source."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import PROJECT, environment

CAE = sorted((PROJECT / "cae").rglob("*.py"))
VIEWS = sorted((PROJECT / "dashboard" / "views").rglob("*.py"))

# A package imports only from rows above its own.
ROWS = [
    {"errors", "steps"}, {"disk", "web"}, {"config"}, {"data"}, {"network"}, {"runs"}, {"words"}, {"imports"}, {"jobs"},
    {"evaluation"}, {"plots"}, {"latent"}, {"exports", "classroom"}, {"commands"},
]  # fmt: skip
RANK = {name: rank for rank, names in enumerate(ROWS) for name in names}
HEAVY = {
    "torch", "torchvision", "sklearn", "skimage", "plotly", "scipy", "streamlit", "rich", "onnx", "onnxruntime",
    "tensorboard", "jinja2",
}  # fmt: skip
# What may import something heavy at module level: everything else must come without.
SLOW = {
    "data.images", "network.last_layer", "network.model", "network.optim", "network.augment", "network.training",
    "network.parallel", "evaluation.classifier", "exports.standalone", "exports.facts", "exports.report",
    "latent.sampling",
}  # fmt: skip


def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(PROJECT / "cae").with_suffix("").parts)


def imports(node, everywhere=True):
    """The dotted names that are imported, those for type checking left out; or only those at module level."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
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


def test_this_parser_sees_every_kind_of_import():
    source = (
        "import a.b\nfrom c import d\nif TYPE_CHECKING:\n    import e\n"
        "try:\n    import f\nexcept Exception:\n    pass\ndef g():\n    from h.i import j\n"
        "class K:\n    import l\n    def m(self):\n        import n\n"
    )
    assert list(imports(ast.parse(source))) == ["a.b", "c.d", "f", "h.i.j", "l", "n"]
    assert list(imports(ast.parse(source), everywhere=False)) == ["a.b", "c.d", "f", "l"]


def test_packages_import_one_way():
    arrows = {
        (module_of(path).split(".")[0], name.split(".")[1], module_of(path))
        for path in CAE for name in imports(tree(path)) if name.startswith("cae.") and path.parent.name != "cae"
    }  # fmt: skip
    assert not {arrow for arrow in arrows if arrow[0] != arrow[1] and RANK[arrow[1]] >= RANK[arrow[0]]}
    assert {arrow[2] for arrow in arrows if arrow[:2] == ("network", "data")} == {"network.training"}


def test_cae_knows_neither_streamlit_nor_the_dashboard_and_only_plots_knows_plotly():
    for path in CAE:
        assert not packages(path) & {"streamlit", "dashboard", "start", "tests", "benchmarks"}, path
        assert "plotly" not in packages(path, everywhere=False), path
        assert "plotly" not in packages(path) or path.parent.name == "plots", path


def test_only_the_command_line_prints():
    for path in CAE:
        calls = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
        printed = [node.lineno for node in calls if isinstance(node.func, ast.Name) and node.func.id == "print"]
        assert not printed or path.parent.name == "commands", path


def test_everything_but_what_computes_comes_without_torch_and_its_like():
    light = [module_of(path) for path in CAE if module_of(path) not in SLOW and path.stem != "__main__"]
    for name in light:
        path = PROJECT / "cae" / f"{name.replace('.', '/')}.py"
        assert not packages(path, everywhere=False) & HEAVY, name
    names = ", ".join(f"cae.{name}".removesuffix(".__init__") for name in light)
    code = f"import sys, {names}\nprint(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True)
    loaded = {name.split(".")[0] for name in ast.literal_eval(loaded.stdout)}
    assert "cae" in loaded and not loaded & HEAVY


def test_the_first_page_does_not_wait_for_torch():
    code = (
        "import sys\nsys.path[:0] = ['dashboard']\n"
        "import components, shared.measuring, shared.mission_line, resources.loading, views.home.take_home\n"
        "print(sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True,
                          cwd=PROJECT)  # fmt: skip
    assert not {name.split(".")[0] for name in ast.literal_eval(done.stdout.splitlines()[-1])} & {"torch", "sklearn"}


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


def test_a_view_is_a_recipe_without_torch_sklearn_and_session_state():
    assert len(VIEWS) > 10
    for path in VIEWS:
        assert not packages(path) & {"torch", "torchvision", "sklearn", "skimage", "plotly", "safetensors"}, path
        nodes = list(ast.walk(tree(path)))
        words = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        words |= {node.id for node in nodes if isinstance(node, ast.Name)}
        assert "session_state" not in words, path
        assert "unsafe_allow_html" not in path.read_text(encoding="utf-8"), path
