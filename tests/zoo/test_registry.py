"""Names are found, misspelt ones get the nearest, and the paper's ratios come out."""

import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints

import pytest

import zoo
from zoo import BuilderError, UnknownModelError, allow_import, importing

ALL = ", ".join(zoo.models())


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current directory that no import path knows."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("ownnets:Box.net", "ownbad:tiny", "nowhere.nets:tiny"):
        allow_import(name)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def refusal(error, name):
    with pytest.raises(error) as caught:
        zoo.find_builder(name)
    return str(caught.value)


@pytest.fixture
def offered(monkeypatch):
    """Let installed packages offer these entry points."""

    def offer(**targets):
        points = [
            EntryPoint(name, target, importing.ENTRY_POINT_GROUP)
            for name, several in targets.items()
            for target in several.split()
        ]
        monkeypatch.setattr(importing, "_entry_points", lambda: EntryPoints(points))

    return offer


def test_models_come_in_the_order_of_the_paper():
    assert zoo.models(tag="paper") == (
        "fcn8s",
        "segnet",
        "segnet-basic",
        "segfast-basic",
        "segfast",
    )


@pytest.mark.parametrize("name", zoo.models())
def test_every_row_names_a_builder(name):
    assert callable(zoo.find_builder(name))
    assert zoo.entry(name).name == name
    assert zoo.known(name) is zoo.entry(name)


@pytest.mark.parametrize(
    ("candidate", "baseline", "figure", "ratio", "places"),
    [
        ("fcn8s", "segfast", "forward_s", 8.7, 1),
        ("segnet", "segfast", "forward_s", 5.1, 1),
        ("fcn8s", "segfast", "backward_s", 5.6, 1),
        ("segnet", "segfast", "backward_s", 3.5, 1),
        ("fcn8s", "segfast", "params", 223, 0),
        ("segnet", "segfast", "params", 49, 0),
        ("segfast", "segfast", "memory_mib", 1, 9),
    ],
)
def test_published_ratios_are_those_of_the_paper(candidate, baseline, figure, ratio, places):
    assert round(zoo.published_ratio(candidate, baseline, figure), places) == ratio


@pytest.mark.parametrize("pair", [("segnet-basic", "segfast"), ("segfast", "my.nets:tiny")])
def test_a_ratio_without_both_figures_is_unknown(pair):
    assert zoo.published_ratio(*pair, "forward_s") is None


def test_a_figure_that_is_not_printed_is_refused():
    with pytest.raises(ValueError, match="no published figure 'macs'"):
        zoo.published_ratio("fcn8s", "segfast", "macs")


def test_published_counts_are_those_of_the_network():
    for name in zoo.models():
        published = zoo.entry(name).published
        assert published is None or published.params == zoo.entry(name).params_at_22


def test_accuracy_is_by_dataset():
    camvid = zoo.entry("segfast").published.accuracy["camvid"]
    assert (camvid.pixel_accuracy, camvid.miou) == (85.08, 0.5)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("segfats", "; did you mean 'segfast'?"),
        ("SegFast", "; did you mean 'segfast'?"),
        ("fcn", "; did you mean 'fcn8s'?"),
        ("yolo", ""),
    ],
)
def test_an_unknown_name_gets_the_nearest(name, hint):
    expected = f"unknown model {name!r}{hint} (models: {ALL}, or package.module:builder)"
    assert refusal(UnknownModelError, name) == expected
    for refuse in (zoo.check_name, zoo.entry):
        with pytest.raises(UnknownModelError) as caught:
            refuse(name)
        assert str(caught.value) == expected


@pytest.mark.parametrize("name", [":x", "a:", "a b:c", "a..b:c", "a:b:c", "../a:b"])
def test_a_malformed_import_string_is_refused(name):
    with pytest.raises(UnknownModelError) as caught:
        zoo.check_name(name)
    assert str(caught.value) == (
        f"{name!r} is no import string; write package.module:builder, as in mypkg.nets:tiny"
    )


def test_a_package_in_the_current_directory_is_found_last(here):
    (here / "json.py").write_text("raise RuntimeError('hides the standard library')")
    (here / "ownnets.py").write_text("import json\nclass Box:\n    net = dict\n")
    assert zoo.find_builder("ownnets:Box.net") is dict
    assert sys.path[-1] == str(here)


def test_a_missing_module_is_named_and_leaves_the_path_alone(here):
    before = list(sys.path)
    assert refusal(UnknownModelError, "nowhere.nets:tiny") == (
        "no module 'nowhere.nets' for model 'nowhere.nets:tiny'; install it, or run where it can "
        f"be imported (also looked in {here})"
    )
    assert sys.path == before


@pytest.mark.parametrize(
    ("source", "error", "reason"),
    [
        (
            "import nowhere_else",
            BuilderError,
            (
                "importing 'ownbad' for model 'ownbad:tiny' needs module 'nowhere_else', "
                "which is not installed"
            ),
        ),
        (
            "raise RuntimeError('two\\nlines')",
            BuilderError,
            "importing 'ownbad' for model 'ownbad:tiny' raised RuntimeError: two lines",
        ),
        (
            "raise SystemExit",
            BuilderError,
            "importing 'ownbad' for model 'ownbad:tiny' raised SystemExit",
        ),
        (
            "raise ModuleNotFoundError('no name')",
            BuilderError,
            "importing 'ownbad' for model 'ownbad:tiny' raised ModuleNotFoundError: no name",
        ),
        (
            "def tinny(): ...",
            UnknownModelError,
            "no 'tiny' in 'ownbad' for model 'ownbad:tiny'; did you mean 'tinny'?",
        ),
        (
            "",
            UnknownModelError,
            "no 'tiny' in 'ownbad' for model 'ownbad:tiny'; name a function or class that is there",
        ),
        (
            "tiny = 3",
            BuilderError,
            (
                "'tiny' in model 'ownbad:tiny' is not callable but of type 'int'; "
                "give a function or class that returns a network"
            ),
        ),
    ],
)
def test_a_module_that_gives_no_builder_is_refused_with_its_reason(here, source, error, reason):
    (here / "ownbad.py").write_text(source)
    assert refusal(error, "ownbad:tiny") == reason


def test_an_entry_point_is_a_model(offered):
    offered(boxnet="builtins:dict")
    zoo.check_name("boxnet")
    assert zoo.find_builder("boxnet") is dict
    assert "did you mean 'boxnet'?" in refusal(UnknownModelError, "boxnte")


def test_the_zoo_comes_before_entry_points(offered):
    offered(segfast="builtins:dict")
    assert zoo.find_builder("segfast") is not dict


def test_a_name_that_two_packages_offer_is_refused(offered):
    offered(boxnet="builtins:dict builtins:list")
    assert refusal(BuilderError, "boxnet") == (
        "model 'boxnet' is offered by several packages (builtins:dict, builtins:list); "
        "give one of these instead of the name"
    )


def test_names_and_specs_need_no_torch():
    code = (
        "import sys, zoo\n"
        "zoo.check_name('segfast'); zoo.check_name('mypkg.nets:tiny')\n"
        "zoo.ModelSpec.parse('segfast,classes=12'); \n"
        "sys.exit('torch' in sys.modules or 'segbench' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
