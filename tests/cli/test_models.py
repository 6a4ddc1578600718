"""What ``segbench models`` says of the zoo, and of one network."""

import json

import pytest

from segbench.cli import main
from zoo.registry import models

ZOO = ", ".join(models())


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Return what runs a command in an empty folder: exit code, output, and what was said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["models", *arguments])
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return run


def test_networks_are_listed_by_tag(run):
    code, out, _ = run("--tag", "small")
    assert code == 0
    assert "contextnet" in out
    assert "segfast" not in out.splitlines()[2]


def test_a_network_is_shown_with_its_counts_and_its_paper(run):
    code, out, _ = run("segfast")
    words = " ".join(out.split())
    assert code == 0
    assert out.startswith("segfast\n\nBuild SegFast (Pal et al., ICVGIP 2018, section 3)")
    assert "it has 603,288 parameters, and its convolutions take 769,141,632 multiply" in words
    assert "Published of SegFast: 603,288 parameters, forward 0.389 s" in words
    assert all(line == line.rstrip() and len(line) <= 80 for line in out.splitlines())


def test_every_option_is_shown_as_it_is_written_with_its_type_and_its_line(run):
    _, out, _ = run("segfast")
    assert "\nclasses=22\n    a positive whole number: channels of the logits.\n" in out
    assert (
        "\ninit=torch\n    'torch' or 'he': how weights are drawn. torch: as its layers do by\n"
    ) in out
    _, out, _ = run("contextnet")
    assert "\nwidth=1.0\n    a positive number: share of the paper's channels inside, to" in out


def test_values_that_are_given_stand_beside_the_default(run):
    _, out, _ = run("segfast-basic,classes=12")
    assert out.startswith("segfast-basic,classes=12\n")
    assert "\nclasses=12\n    a positive whole number; 22 by default: channels" in out
    assert "\nbranch_conv=standard\n" in out


def test_weights_and_files_are_networks_with_values(run, tmp_path):
    _, out, _ = run("segfast-streets")
    assert out.startswith("segfast-streets: segfast,classes=8\n")
    assert "\nclasses=8\n" in out
    (tmp_path / "net.json").write_text(json.dumps({"name": "enet", "options": {"width": 0.5}}))
    _, out, _ = run("net.json")
    assert out.startswith("enet,width=0.5\n")
    assert "\nwidth=0.5\n    a positive number; 1.0 by default: share" in out


def test_ones_own_network_is_shown_by_what_it_says(run):
    code, out, _ = run("nets_for_tests:Pointwise")
    assert code == 0
    assert out == (
        "nets_for_tests:Pointwise\n\nOne 1x1 convolution.\n\nclasses=5\n    a whole number\n"
    )


def test_a_file_imports_nothing_that_is_not_allowed(run, tmp_path):
    (tmp_path / "net.json").write_text('{"name": "os:system", "options": {"command": "touch x"}}')
    code, out, said = run("net.json")
    assert (code, out) == (2, "")
    assert said == (
        "segbench: model file 'net.json' names 'os:system', and names in files import nothing but "
        "what is allowed; if you trust it, add --allow-import os\n"
    )
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["segfats"], ("unknown model 'segfats'; did you mean 'segfast'? "
         f"(models: {ZOO}, or package.module:builder)")),
        (["mypkg.nets:"], ("'mypkg.nets:' is no import string; write package.module:builder, as in "
         "mypkg.nets:tiny")),
        (["enet,widht=2"], ("unknown option 'widht' for model 'enet'; did you mean 'width'? "
         "(options: classes, width, slopes)")),
        (["enet,width=0"], "option 'width' of model 'enet' must be a positive number, got 0"),
        (["segfast@openvino"], ("cannot show 'segfast@openvino': its options are the same in every "
         "runtime; leave out '@openvino'")),
        (["net.onnx"], "cannot show 'net.onnx': a graph file has no options"),
        (["segfast", "--tag", "paper"], ("--tag is for a list of networks; leave it out, or the "
         "model")),
        (["--tag", "smal"], "no model has tag 'smal'; did you mean 'small'? (tags: paper, small)"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_wrong_names_are_answered_in_one_line(run, arguments, line):
    assert run(*arguments) == (2, "", f"segbench: {line}\n")
