"""Options are held against the builder's signature, and what comes back is a network."""

import sys
from types import ModuleType
from typing import Annotated, Literal, Optional

import pytest
import torch
from torch import nn

import zoo
from zoo.options import Positive, check_options

SEGFAST_OPTIONS = (
    "classes, stem_width, squeeze, expand1, expand3, branch_conv, up_conv, decoder_conv, "
    "decoder_width, init"
)


@pytest.fixture
def offer(monkeypatch):
    """Make a builder importable as ``ownnets:net``."""

    def make(builder):
        module = ModuleType("ownnets")
        module.net = builder
        monkeypatch.setitem(sys.modules, "ownnets", module)
        zoo.allow_import("ownnets:net")

    return make


def refusal(spec, **options):
    with pytest.raises(zoo.ZooError) as caught:
        zoo.build(spec, **options)
    return type(caught.value), str(caught.value)


def test_a_spec_its_text_and_options_build_the_same_network():
    expected = {k: v.shape for k, v in zoo.build("segfast,classes=4").state_dict().items()}
    for network in (
        zoo.build(zoo.ModelSpec("segfast", {"classes": 4})),
        zoo.build("segfast,classes=9", classes=4),
    ):
        assert {k: v.shape for k, v in network.state_dict().items()} == expected


def test_an_unknown_option_gets_the_nearest():
    assert refusal("segfast,skueeze=3") == (
        zoo.OptionError,
        (
            "unknown option 'skueeze' for model 'segfast'; did you mean 'squeeze'? "
            f"(options: {SEGFAST_OPTIONS})"
        ),
    )
    assert refusal("segnet,width=3") == (
        zoo.OptionError,
        "unknown option 'width' for model 'segnet' (options: classes)",
    )


@pytest.mark.parametrize("name", zoo.models())
@pytest.mark.parametrize("value", ["twelve", 0, -1, 2.0, True, (2,)])
def test_classes_must_be_a_positive_whole_number(name, value):
    assert refusal(name, classes=value) == (
        zoo.OptionError,
        f"option 'classes' of model {name!r} must be a positive whole number, got {value!r}",
    )


@pytest.mark.parametrize(
    ("option", "value", "wanted"),
    [
        (
            "squeeze",
            (16, 16),
            "a positive whole number or a list of 8, each a positive whole number",
        ),
        (
            "decoder_width",
            (256, 128, 0),
            "a positive whole number or a list of 2 or 3, each a positive whole number",
        ),
        (
            "up_conv",
            "depthwise",
            "'separable' or 'standard' or a list of 2 or 3, each 'separable' or 'standard'",
        ),
    ],
)
def test_lists_must_have_their_length_and_values(option, value, wanted):
    assert refusal("segfast", **{option: value}) == (
        zoo.OptionError,
        f"option {option!r} of model 'segfast' must be {wanted}, got {value!r}",
    )


def test_a_builder_called_directly_refuses_the_same():
    with pytest.raises(zoo.OptionError, match="must be a positive whole number"):
        zoo.find_builder("segfast-basic")(classes=0)


def test_a_class_of_ones_own_is_a_builder(offer):
    class Tiny(nn.Module):
        def __init__(self, classes: int = 3, *, width: int):
            super().__init__()
            self.conv = nn.Conv2d(width, classes, 1)

    offer(Tiny)
    assert zoo.build("ownnets:net,width=4").conv.weight.shape == (3, 4, 1, 1)
    assert refusal("ownnets:net") == (
        zoo.OptionError,
        "model 'ownnets:net' needs option 'width'; write ownnets:net,width=VALUE",
    )
    assert refusal("ownnets:net,width=a")[1] == (
        "option 'width' of model 'ownnets:net' must be a whole number, got 'a'"
    )


def test_a_builder_of_any_options_gets_them_all(offer):
    offer(lambda **options: nn.ParameterDict({k: torch.tensor(v) for k, v in options.items()}))
    assert zoo.build("ownnets:net,depth=2.5")["depth"] == 2.5
    assert zoo.accepts_option("ownnets:net", "classes")


def test_a_builder_without_options_says_so(offer):
    offer(lambda: nn.Sequential(nn.ReLU()))
    assert not zoo.accepts_option("ownnets:net", "classes")
    assert refusal("ownnets:net,classes=2")[1] == (
        "unknown option 'classes' for model 'ownnets:net' (options: none)"
    )


def test_what_is_no_network_is_refused(offer):
    offer(lambda: [1])
    assert refusal("ownnets:net") == (
        zoo.BuilderError,
        "the builder of model 'ownnets:net' returned 'list'; it must return a torch.nn.Module",
    )


def test_a_network_in_place_of_a_builder_is_refused(offer):
    offer(nn.Identity())
    assert refusal("ownnets:net") == (
        zoo.BuilderError,
        (
            "model 'ownnets:net' is a network that is built already; "
            "give a function or class that returns it"
        ),
    )


def test_a_builder_that_raises_is_named(offer):
    def broken(width=2):
        raise KeyError(width)

    offer(broken)
    assert refusal("ownnets:net,width=7") == (
        zoo.BuilderError,
        "building model 'ownnets:net,width=7' raised KeyError: 7",
    )


@pytest.mark.parametrize(
    ("annotation", "good", "bad", "wanted"),
    [
        (int, 3, True, "a whole number"),
        (float, 3, "x", "a number"),
        (Annotated[float, Positive()], 0.5, 0.0, "a positive number"),
        (bool, False, 0, "true or false"),
        (str, "a", 1, "text"),
        (int | None, 1, "a", "a whole number"),
        (Optional[str], "a", 1, "text"),  # noqa: UP045, the older form
        (Literal[1, "a"], 1, True, "1 or 'a'"),
        (tuple[int, ...], (1, 2, 3), (1, "a"), "a list, each a whole number"),
        (tuple[int, str], (1, "a"), ("a", 1), "a list of 2, each a whole number or text"),
    ],
)
def test_values_are_held_against_annotations(annotation, good, bad, wanted):
    def builder(*, x): ...

    builder.__annotations__["x"] = annotation
    check_options("net", builder, {"x": good})
    with pytest.raises(zoo.OptionError) as caught:
        check_options("net", builder, {"x": bad})
    assert str(caught.value) == f"option 'x' of model 'net' must be {wanted}, got {bad!r}"


def test_annotations_that_cannot_be_read_let_values_pass():
    def builder(*, x: "NoSuchType", y: type[nn.Module] = nn.ReLU): ...  # noqa: F821

    check_options("net", builder, {"x": 1, "y": "relu"})
    with pytest.raises(zoo.OptionError, match="unknown option 'z'"):
        check_options("net", builder, {"x": 1, "z": 2})
