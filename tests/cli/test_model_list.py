"""``segbench models``: what segbench has trained, beside the networks."""

import pytest
from made_up_results import make_accuracy

from segbench.cli import lists


@pytest.fixture
def printed(monkeypatch, capsys):
    """Return a function that prints the list, with some figures; it returns the table's lines."""

    def run(*rows, tag=None):
        monkeypatch.setattr(lists, "read_accuracies", lambda: rows)
        lists.print_models(tag)
        return [line.rstrip() for line in capsys.readouterr().out.splitlines()]

    return run


def cells_of(lines, name):
    return next(line.split() for line in lines if line.startswith(f"{name} "))


def test_without_figures_the_cells_are_empty(printed):
    lines = printed()
    assert lines[0].split()[-2:] == ["memory", "mIoU"]
    assert cells_of(lines, "segfast") == [
        "segfast",
        "603,288",
        "0.389",
        "s",
        "0.929",
        "s",
        "703",
        "MiB",
    ]


def test_a_network_has_a_figure_for_each_size_that_it_was_trained_at(printed):
    rows = [
        make_accuracy(split, miou, size=size)
        for size, miou in (((224, 224), 0.4554), ((360, 480), 0.5))
        for split in ("val", "test")
    ]
    lines = printed(*rows)
    assert lines[0].split()[-2:] == ["mIoU", "mIoU"]
    assert lines[1].split()[-2:] == ["224x224", "360x480"]
    assert cells_of(lines, "segfast")[-2:] == ["0.455", "0.500"]
    assert cells_of(lines, "fcn8s")[-1] == "MiB"
    assert max(map(len, lines)) <= 80


def test_networks_that_no_paper_of_ours_measured_have_no_columns_for_it(printed, monkeypatch):
    monkeypatch.setattr(lists, "models", lambda **_: ("segnet-basic",))
    lines = printed(make_accuracy("val"), make_accuracy("test"))
    assert lines[0].split() == ["mIoU"]
    assert lines[1].split() == ["model", "params", "224x224"]
    assert cells_of(lines, "segnet-basic") == ["segnet-basic", "1,417,302"]
    assert "Quadro" not in " ".join(lines)
