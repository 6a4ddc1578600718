"""The options of SegFast span the space between its two published settings."""

import pytest
import torch
from torch import nn

import zoo
from zoo.layers import ConvKind, check_image, initialise_for_relu, up2x2
from zoo.segfast import Init, SparkModule, segfast


def params(**options):
    with torch.device("meta"):
        return sum(p.numel() for p in segfast(**options).parameters())


def test_basic_is_segfast_with_standard_convolutions():
    kinds = dict.fromkeys(("branch_conv", "up_conv", "decoder_conv"), "standard")
    assert params(**kinds) == 2_965_976


def test_one_value_stands_for_all_modules():
    assert params(squeeze=24) == params(squeeze=(24,) * 8)
    assert params(up_conv="standard") == params(up_conv=("standard",) * 3)


@pytest.mark.parametrize(
    ("index", "squeeze", "expand3"),
    [(0, 16, 64), (3, 32, 128), (7, 64, 256)],
)
def test_a_standard_branch_adds_its_closed_form(index, squeeze, expand3):
    # 9 S E against BN 2 S, depthwise 9 S, BN 2 S, pointwise S E
    kinds = ["separable"] * 8
    kinds[index] = "standard"
    added = 9 * squeeze * expand3 - (13 * squeeze + squeeze * expand3)
    assert params(branch_conv=tuple(kinds)) - params() == added


@pytest.mark.parametrize(("index", "before", "after"), [(0, 512, 256), (1, 256, 128), (2, 128, 64)])
def test_a_standard_up_convolution_adds_its_closed_form(index, before, after):
    # 4 C D against depthwise 4 C, BN 2 C, pointwise C D
    kinds = ["separable"] * 3
    kinds[index] = "standard"
    added = 4 * before * after - (6 * before + before * after)
    assert params(up_conv=tuple(kinds)) - params() == added


def test_a_wider_stem_adds_its_closed_form():
    # stem 28 a channel; first spark 2 + 16; last decoder stage: BN 2, and 2 + 9 + 2 + 64
    assert params(stem_width=65) - params() == 28 + 18 + 2 + 13 + 64


def test_a_wider_last_stage_adds_its_closed_form():
    # up pointwise 128; BN 2 and 13 more for a channel in; 128 + w pointwise; head 22
    square = (64 + 65) * 65 - (64 + 64) * 64
    assert params(decoder_width=(256, 128, 65)) - params() == 128 + 15 + square + 22


def test_a_decoder_of_two_stages_lacks_the_third_and_has_a_wider_head():
    # up: BN 2, depthwise 4, BN 2 and pointwise 64 for each of 128; after the concatenation BN 2 and
    # 2 + 9 + 2 + 64 for each of 64 + 64; head: 22 for each of 128 instead of 64, 64 for each of 22
    # instead of 4
    third = 128 * (2 + 4 + 2 + 64) + 128 * (2 + 2 + 9 + 2 + 64)
    head = (128 - 64) * 22 + (64 - 4) * 22
    assert params(decoder_width=(256, 128)) == params() - third + head


@pytest.mark.parametrize("size", [(1, 1), (37, 53), (224, 224)])
def test_a_decoder_of_two_stages_returns_logits_at_the_size_of_the_image(size):
    network = segfast(classes=3, decoder_width=(8, 4)).eval()
    assert network(torch.rand(1, 3, *size)).shape == (1, 3, *size)


def test_kinds_of_another_number_of_stages_are_refused():
    with pytest.raises(zoo.OptionError) as caught:
        segfast(decoder_width=(8, 4), up_conv=("standard",) * 3)
    assert str(caught.value) == (
        "option 'up_conv' of model 'segfast' is for 3 decoder stages, and 'decoder_width' for 2; "
        "give as many values, or a single one"
    )


def test_any_widths_make_a_network():
    network = segfast(
        classes=3,
        stem_width=5,
        squeeze=(1, 2, 3, 4, 5, 6, 7, 8),
        expand1=(8, 7, 6, 5, 4, 3, 2, 1),
        expand3=(2, 3, 4, 5, 6, 7, 8, 9),
        branch_conv=("separable", "standard") * 4,
        up_conv=("standard", "separable", "standard"),
        decoder_conv=("separable", "standard", "separable"),
        decoder_width=(11, 7, 5),
    ).eval()
    assert network(torch.rand(2, 3, 37, 53)).shape == (2, 3, 37, 53)


def test_separable_convolutions_are_depthwise_then_pointwise():
    depthwise, pointwise = [
        m for m in SparkModule(8, 4, 6, 6, kind="separable").expand3 if isinstance(m, nn.Conv2d)
    ]
    assert (depthwise.groups, depthwise.kernel_size) == (4, (3, 3))
    assert (pointwise.groups, pointwise.kernel_size) == (1, (1, 1))


def test_only_the_stem_has_a_bias():
    convs = {
        name: m
        for name, m in zoo.build("segfast").named_modules()
        if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)
    }
    assert [name for name, m in convs.items() if m.bias is not None] == ["stem.0"]


@pytest.mark.parametrize("init", Init.__args__)
def test_an_up_convolution_starts_as_nearest_neighbour_upsampling(init):
    head = zoo.build("segfast", classes=2, init=init).head[1]
    scores = torch.rand(1, 2, 3, 3)
    assert torch.equal(head(scores), scores.repeat_interleave(2, -1).repeat_interleave(2, -2))


@pytest.mark.parametrize("init", Init.__args__)
def test_the_head_of_two_stages_starts_as_bilinear_upsampling(init):
    head = segfast(classes=2, decoder_width=(8, 4), init=init).head[1]
    scores = torch.rand(1, 2, 6, 7)
    wanted = nn.functional.interpolate(scores, scale_factor=4, mode="bilinear")
    inner = slice(2, -2)  # beyond the outermost scores there are none to interpolate with
    torch.testing.assert_close(head(scores)[..., inner, inner], wanted[..., inner, inner])


@pytest.mark.parametrize(("init", "times_fan_in"), [("torch", 1 / 3), ("he", 2)])
def test_weights_are_drawn_with_the_variance_of_their_kind(init, times_fan_in):
    torch.manual_seed(0)
    convs = [m for m in zoo.build("segfast", init=init).modules() if isinstance(m, nn.Conv2d)]
    wide = [m.weight for m in convs if m.weight.numel() > 10_000]
    assert len(wide) > 10
    for weight in wide:
        fan_in = weight[0].numel()
        assert weight.var().item() * fan_in == pytest.approx(times_fan_in, rel=0.05)


def test_initial_activations_keep_their_scale():
    # He et al. 2015: the mean square of a ReLU layer's output is that of its input
    torch.manual_seed(0)
    up = up2x2("standard", 512, 256)
    initialise_for_relu(up)
    x = torch.randn(2, 512, 8, 8)
    assert up(x).square().mean().item() == pytest.approx(1.0, rel=0.1)


def test_odd_sizes_average_only_what_is_there():
    # ceil mode divides the border windows by the pixels in them: a flat map stays flat
    pool = zoo.build("segfast").pool
    flat = torch.ones(1, 1, 5, 7)
    assert torch.equal(pool(flat), torch.ones(1, 1, 3, 4))


def test_convolution_kinds_are_two():
    assert ConvKind.__args__ == ("separable", "standard")


def test_no_dimension_is_a_shape_that_is_refused():
    with pytest.raises(zoo.InputSizeError, match=r"input of shape \(\);"):
        check_image(nn.Identity(), torch.tensor(1.0), norm_stride=None)
