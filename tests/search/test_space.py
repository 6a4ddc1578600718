"""Spaces: what may be chosen, and that a study says of a network what the network is."""

# ruff: noqa: S311 - orders and choices are no secrets

import random
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import studies
import zoo
from segbench.errors import UsageError
from segbench.search.space import Kind, Study, Width, cross, key_of, mutate, narrowed
from segbench.search.spaces import separable, spark
from zoo.spec import ModelSpec

STUDIES = (spark.STUDY, separable.STUDY)
seeds = st.integers(0, 10_000)


def draw(study, seed):
    return study.draw(random.Random(seed))


def test_the_lean_network_of_the_study_is_the_one_of_its_report():
    kept = Path(studies.__file__).parent / "spark_camvid" / "lean.json"
    assert ModelSpec.read(kept) == spark.build(spark.LEAN)


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_a_search_begins_with_the_networks_of_the_paper(study):
    built = [study.build(values) for values in study.first]
    counts = [sum(p.numel() for p in zoo.build(spec).parameters()) for spec in built]
    assert counts[0] == 603_288  # SegFast and SegFast-Basic at 22 classes, Table 5 of the paper
    assert 2_965_976 in counts
    assert len({str(spec) for spec in built}) == len(built)


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
@given(seed=seeds)
def test_what_is_drawn_changed_or_crossed_can_be_chosen(study, seed):
    rng = random.Random(seed)
    one, other = study.draw(rng), study.draw(rng)
    for values in (one, mutate(study, one, rng, changes=3), cross(one, other, rng)):
        study.check(values)


@given(seed=seeds)
def test_what_a_stage_would_be_that_is_left_out_makes_no_other_network(seed):
    values = draw(spark.STUDY, seed) | {"decoder_1": 0}
    keys = {
        key_of(values | {"up_1": up, "conv_1": conv}, spark.STUDY)
        for up in spark.KINDS
        for conv in spark.KINDS
    }
    assert len(keys) == 1


@given(seed=seeds)
def test_a_change_is_in_as_many_places_as_asked_at_most(seed):
    rng = random.Random(seed)
    before = spark.STUDY.draw(rng)
    after = mutate(spark.STUDY, before, rng, changes=2)
    assert sum(before[name] != after[name] for name in before) <= 2


OPERATORS = {
    "pointwise": lambda m: isinstance(m, torch.nn.Conv2d) and m.kernel_size == (1, 1),
    "standard": lambda m: (
        isinstance(m, torch.nn.Conv2d) and m.kernel_size == (3, 3) and m.groups == 1
    ),
    "depthwise": lambda m: isinstance(m, torch.nn.Conv2d) and m.groups > 1,
    "up": lambda m: isinstance(m, torch.nn.ConvTranspose2d) and m.groups == 1,
    "depthwise-up": lambda m: isinstance(m, torch.nn.ConvTranspose2d) and m.groups > 1,
    "norm": lambda m: isinstance(m, torch.nn.BatchNorm2d),
}


DRAWN = [(study, draw(study, seed)) for study in STUDIES for seed in range(4)]
WITH_TWO_STAGES = [(spark.STUDY, draw(spark.STUDY, seed) | {"decoder_1": 0}) for seed in range(4)]


@pytest.mark.parametrize(("study", "values"), DRAWN + WITH_TWO_STAGES)
@pytest.mark.parametrize("size", [(224, 224), (90, 123)])
def test_the_layers_of_a_study_are_those_of_the_network(study, values, size):
    """Against the modules that really run, by their kind, with what they read and write."""
    network = zoo.build(study.build(values), classes=12).eval()
    ran = {kind: [] for kind in OPERATORS}

    def note(module, inputs, output):
        kind = next(kind for kind, is_it in OPERATORS.items() if is_it(module))
        weights = 0 if kind == "norm" else module.weight.numel()
        moved = inputs[0].numel() + output.numel() + weights
        base = inputs[0] if kind in {"up", "depthwise-up"} else output
        macs = weights * base.shape[2] * base.shape[3]
        ran[kind].append((macs, moved))

    for module in network.modules():
        if any(is_it(module) for is_it in OPERATORS.values()):
            module.register_forward_hook(note)
    with torch.no_grad():
        network(torch.zeros(1, 3, *size))
    layers = study.layers(values, size=size, classes=12)
    for kind, expected in ran.items():
        found = [(layer.macs, layer.values) for layer in layers if layer.kind == kind]
        assert sorted(found) == sorted(expected)
    params = sum(parameter.numel() for parameter in network.parameters())
    assert sum(layer.params for layer in layers) == params


def test_a_place_tells_any_two_networks_apart():
    places = {tuple(spark.STUDY.place(draw(spark.STUDY, seed))) for seed in range(50)}
    assert len(places) == 50
    assert all(0 <= coordinate <= 1 for place in places for coordinate in place)


def test_two_choices_are_the_same_where_their_networks_are():
    study = Study(
        name="twice",
        summary="",
        dimensions=(Width("a", 8, 16), Width("unused", 8, 16)),
        build=lambda values: ModelSpec("segfast", {"squeeze": values["a"]}),
        layers=lambda _values, **_options: [],
        first=({"a": 8, "unused": 8},),
    )
    assert key_of({"a": 8, "unused": 8}, study) == key_of({"a": 8, "unused": 16}, study)


def test_a_narrower_copy_has_every_width_at_its_share():
    half = narrowed(spark.PAPER, spark.DIMENSIONS, 0.5)
    assert (half["squeeze_1"], half["expand1_1"], half["decoder_3"]) == (8, 32, 128)
    assert half["branch_1"] == "separable"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Width("w", 8, 20), "cannot go from 8 to 20 by 8"),
        (lambda: Width("w", -8, 8), "cannot go from -8 to 8"),
        (lambda: Kind("k", ("a", "a")), "must have options that differ"),
        (lambda: spark.STUDY.check({**spark.PAPER, "squeeze_1": 9}), "cannot choose 9 for 'squee"),
        (lambda: spark.STUDY.check({**spark.PAPER, "depth": 9}), "has no dimension 'depth'"),
        (lambda: spark.STUDY.check({}), "cannot choose None for 'stem'; choose from 16, 24"),
    ],
)
def test_what_cannot_be_chosen_is_one_line(make, words):
    with pytest.raises(UsageError) as caught:
        make()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
