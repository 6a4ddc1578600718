"""BiSeNetV2 is Table 1 of its paper, and its booster heads exist in training alone."""

import pytest
import torch
from torch import nn

import zoo


def params_of(network):
    return sum(parameter.numel() for parameter in network.parameters())


def on_meta(**options):
    with torch.device("meta"):
        return zoo.build("bisenetv2", **options)


def conv(before, after, *, kernel=3, groups=1):
    """Weights of a convolution, and batch norm's two."""
    return kernel**2 * before // groups * after + 2 * after


def gather_and_expand(before, after, *, stride, expansion):
    wide = expansion * before
    inside = conv(before, before) + conv(before, wide, groups=before) + conv(wide, after, kernel=1)
    if stride == 1:
        return inside
    shortcut = conv(before, before, groups=before) + conv(before, after, kernel=1)
    return inside + conv(wide, wide, groups=wide) + shortcut


def semantic(stem, third, expansion):
    """The semantic branch before context embedding, by its channels at strides 4 and 8."""
    half = stem // 2
    total = conv(3, stem) + conv(stem, half, kernel=1) + conv(half, stem) + conv(2 * stem, stem)
    for before, after, layers in ((stem, third, 2), (third, 64, 2), (64, 128, 4)):
        total += gather_and_expand(before, after, stride=2, expansion=expansion)
        again = gather_and_expand(after, after, stride=1, expansion=expansion)
        total += (layers - 1) * again
    return total


def head(before, width, classes):
    return conv(before, width) + (width + 1) * classes


# Table 1, Figures 4 to 6
DETAIL = conv(3, 64) + 4 * conv(64, 64) + conv(64, 128) + 2 * conv(128, 128)
SEMANTIC = semantic(16, 32, expansion=6)
CONTEXT = 2 * 128 + conv(128, 128, kernel=1) + (9 * 128 + 1) * 128
AGGREGATION = 2 * (conv(128, 128, groups=128) + (128 + 1) * 128) + 3 * conv(128, 128)


def test_parameters_are_the_closed_form_of_the_papers_table():
    expected = DETAIL + SEMANTIC + CONTEXT + AGGREGATION + head(128, 128, 19)
    assert params_of(on_meta(classes=19)) == expected


def test_with_all_that_paddleseg_counts_there_are_2_33_million():
    # there a convolution before batch norm has a bias, and running statistics are parameters
    network = on_meta(classes=19)
    normalised = sum(m.num_features for m in network.modules() if isinstance(m, nn.BatchNorm2d))
    biases = normalised - 128  # the first batch norm of context embedding follows pooling
    assert round((params_of(network) + biases + 2 * normalised) / 1e6, 2) == 2.33


def test_booster_heads_are_a_head_on_each_scale_of_the_semantic_branch():
    boosters = sum(head(width, width, 19) for width in (16, 32, 64, 128))
    plain, boosted = on_meta(classes=19), on_meta(classes=19, auxiliary=True)
    assert params_of(boosted) - params_of(plain) == boosters
    added = boosted.state_dict().keys() - plain.state_dict().keys()
    assert {key.partition(".")[0] for key in added} == {"auxiliary"}
    assert plain.state_dict().keys() < boosted.state_dict().keys()


def test_booster_heads_speak_in_training_alone():
    network = zoo.build("bisenetv2", classes=3, auxiliary=True)
    images = torch.rand(2, 3, 45, 61)
    assert [each.shape for each in network(images)] == [(2, 3, 45, 61)] * 5
    assert network.eval()(images).shape == (2, 3, 45, 61)


def test_gradients_of_all_losses_reach_every_parameter():
    torch.manual_seed(0)
    network = zoo.build("bisenetv2", classes=3, auxiliary=True)
    sum(logits.square().mean() for logits in network(torch.rand(2, 3, 64, 96))).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.parametrize(
    ("options", "added"),
    [
        ({"head_width": 1024}, head(128, 1024, 22) - head(128, 128, 22)),
        ({"expansion": 4}, semantic(16, 32, expansion=4) - SEMANTIC),
        ({"semantic_ratio": 0.5}, semantic(32, 64, expansion=6) - SEMANTIC),
    ],
    ids=["C_t", "epsilon", "lambda"],
)
def test_what_the_paper_varies_adds_its_closed_form(options, added):
    assert params_of(on_meta(**options)) - params_of(on_meta()) == added
