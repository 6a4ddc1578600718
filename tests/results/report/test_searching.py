"""What is read off a search, from five trials that can be worked out by hand."""

from dataclasses import replace

import pytest
from made_up_results import make_search, make_trial

from segbench.results.report import render
from segbench.results.search import growth, most_important, pick

SEARCH = make_search()


def test_the_front_is_of_networks_that_were_trained_to_the_end():
    assert [trial.number for trial in SEARCH.front] == [1, 2]


def test_the_hypervolume_grows_with_the_epochs_that_were_spent():
    # To 0.12 s: 0.08 x 0.5; then 0.02 x 0.4 more, where only the second trial reaches; then all.
    assert growth(SEARCH) == [
        (9, pytest.approx(0.08 * 0.5)),
        (18, pytest.approx(0.02 * 0.4 + 0.08 * 0.5)),
        (27, pytest.approx(0.01 * 0.4 + 0.09 * 0.55)),
        (30, pytest.approx(0.01 * 0.4 + 0.09 * 0.55)),
    ]
    assert SEARCH.hypervolume == pytest.approx(0.01 * 0.4 + 0.09 * 0.55)


def test_the_hypervolume_grows_when_a_network_that_waited_has_come_to_its_end():
    # The last three are trained for three epochs each; then the second and the third go on.
    spent = {0: 9, 1: 24, 2: 30, 3: 18}
    trials = tuple(replace(each, spent=spent.get(each.number)) for each in SEARCH.trials)
    assert growth(replace(SEARCH, trials=trials)) == [
        (9, pytest.approx(0.08 * 0.5)),
        (18, pytest.approx(0.08 * 0.5)),
        (24, pytest.approx(0.02 * 0.4 + 0.08 * 0.5)),
        (30, pytest.approx(0.01 * 0.4 + 0.09 * 0.55)),
    ]


def test_what_mattered_is_the_most_for_latency_and_then_the_most_for_miou():
    shares = {"latency_s": {"a": 0.3, "b": 0.5, "c": 0.2}, "miou": {"a": 0.1, "b": 0.15, "c": 0.75}}
    searched = replace(SEARCH, importances=shares)
    assert most_important(searched, 1) == ["b", "c"]
    assert most_important(searched, 2) == ["b", "a", "c"]
    assert most_important(replace(SEARCH, importances={}), 2) == []


@pytest.mark.parametrize(
    ("what", "number"),
    [
        ("fastest-not-worse", 2),
        ("most-accurate", 2),
        ("knee", 1),
        ("3", 3),
        ("17", None),
        ("best", None),
    ],
)
def test_a_network_is_picked_by_what_is_wanted_of_it(what, number):
    found = pick(SEARCH, what)
    assert (found and found.number) == number


def test_the_knee_is_what_is_farthest_above_the_line_between_the_ends():
    trials = [make_trial(at, *point) for at, point in enumerate(
        [(0.01, 0.2), (0.02, 0.5), (0.03, 0.52), (0.06, 0.6)])]  # fmt: skip
    assert pick(replace(SEARCH, trials=tuple(trials)), "knee").number == 1


def test_the_most_accurate_is_within_the_budget():
    slow = make_trial(5, 0.051, 0.7)  # the budget is 50 ms
    assert pick(replace(SEARCH, trials=(*SEARCH.trials, slow)), "most-accurate").number == 2
    unlimited = replace(SEARCH, trials=(*SEARCH.trials, slow), budget_s=None)
    assert pick(unlimited, "most-accurate").number == 5
    assert pick(replace(SEARCH, budget_s=0.01), "most-accurate") is None


def test_a_search_whose_reference_model_was_not_trained_has_none_that_is_not_worse():
    assert pick(replace(SEARCH, trials=()), "fastest-not-worse") is None
    assert pick(replace(SEARCH, trials=()), "knee") is None
    assert pick(replace(SEARCH, trials=()), "most-accurate") is None


def test_the_report_has_the_front_and_the_reference_model_beside_it():
    text = render(SEARCH, "markdown")
    table = text[: text.index("which choices")]
    rows = [line for line in table.splitlines() if line.startswith("| ")][2:]
    assert [row.split("|")[1].strip() for row in rows] == ["1", "2", "(0)"]
    assert "20.0 ms" in rows[0]
    assert "0.500 (0.49-0.51)" in rows[0]
    assert "5 of 6 trials, 3 trained, 1 stopped, 1 refused" in text
    assert "at most 50.0 ms" in text


def test_the_csv_has_a_row_for_every_trial():
    lines = render(SEARCH, "csv").splitlines()
    assert len(lines) == 1 + 5
    heading = lines[0].split(",")
    row = dict(
        zip(heading, lines[2].replace('"segfast,stem_width=24"', "x").split(","), strict=True)
    )
    assert (row["number"], row["on_front"], row["ratio_low"]) == ("1", "True", "0.49")


def test_the_choices_that_mattered_are_in_the_report_with_both_shares():
    lines = [line.replace(" ", "") for line in render(SEARCH, "markdown").splitlines()]
    assert "|stem|70.0%|25.0%|" in lines
    assert "|conv_1|10.0%|60.0%|" in lines


def test_a_search_of_few_trials_says_nothing_of_choices():
    assert "which choices mattered" not in render(replace(SEARCH, importances={}), "markdown")
