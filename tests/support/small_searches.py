"""A search as a user runs it, in a space of two widths, whose networks cost no time."""

import pytest
from workshop import STUDY

SEARCH = (
    *("search", "--study", "two.py", "--dataset", "rooms", "--size", "24x32"),
    *("--train-size", "24x32", "--batch", "5", "--epochs", "3", "--sampler", "random"),
    *("--trials", "3"),
)


@pytest.fixture
def home(rooms):
    """Return a folder with a dataset and a study in it."""
    (rooms.parent / "two.py").write_text(STUDY)
    return rooms.parent


class Told:
    """What was asked of an evaluator in which a network's figures follow from its widths."""

    def __init__(self):
        self.asked = []
        self.interfere = lambda: None  # with the second network that is trained

    def time(self, values):
        from segbench.search.trial import LatencyRatio

        self.asked.append("time")
        return LatencyRatio((values["stem"] + values["wide"]) / 32, None, 0.04, 3)

    def train(self, number, values, *, until):
        self.asked.append("train")
        if number == 1:
            self.interfere()
        return (values["stem"] + values["wide"]) / 200 * until / 3


@pytest.fixture
def search(home, here, monkeypatch):
    """Return a function that searches by the command, with `told`, what the evaluator is asked."""
    from segbench.search.evaluator import LocalEvaluator

    told = Told()
    monkeypatch.setattr(LocalEvaluator, "time", told.time)
    monkeypatch.setattr(LocalEvaluator, "train", told.train)

    def run(*arguments):
        told.asked.clear()
        return here(*SEARCH, *arguments)

    run.told, run.home = told, home
    return run
