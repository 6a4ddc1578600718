"""The five networks are the paper's to the digit."""

import pytest
import torch
from convolution_macs import count_conv_macs
from model_contract import smallest_to_train_on_one
from torch import nn

import zoo
from zoo.layers import initialise_for_relu

# zoo.md of the networks: at 22 classes, and multiply-accumulates at 1x3x224x224
PARAMS = {
    "fcn8s": 134_507_010,
    "segnet": 29_455_702,
    "segnet-basic": 1_415_872 + 65 * 22,
    "segfast-basic": 2_965_976,
    "segfast": 603_288,
}
CONV_MACS = {
    "fcn8s": 62_878_174_720,
    "segnet": 31_242_387_456,
    "segfast-basic": 3_388_585_984,
    "segfast": 769_141_632,
    # 7x7 convolutions at 224, 112, 56, 28 and back, then 1x1 at 224
    "segnet-basic": 49 * 64 * (3 * 224**2 + 64 * (112**2 + 56**2 + 28**2))
    + 49 * 64 * 64 * (28**2 + 56**2 + 112**2 + 224**2)
    + 64 * 22 * 224**2,
}


# One more than the stride of the deepest batch norm: two values a channel.
SMALLEST_TO_TRAIN_ON_ONE = {"segnet": 17, "segnet-basic": 9, "segfast-basic": 17, "segfast": 17}


@pytest.fixture(scope="module", params=zoo.models(tag="paper"))
def at_22_classes(request):
    """The network without weights: counting needs shapes alone."""
    with torch.device("meta"):
        return request.param, zoo.build(request.param).eval()


def test_parameters_are_the_published_count(at_22_classes):
    name, network = at_22_classes
    assert sum(p.numel() for p in network.parameters()) == PARAMS[name]
    assert zoo.entry(name).params_at_22 == PARAMS[name]


def test_convolutions_cost_the_published_multiply_accumulates(at_22_classes):
    name, network = at_22_classes
    assert count_conv_macs(network, (1, 3, 224, 224)) == CONV_MACS[name]
    assert zoo.entry(name).conv_macs_at_22 == CONV_MACS[name]


@pytest.mark.parametrize("size", [(360, 480), (225, 301)])
def test_sizes_of_driving_scenes_keep_their_size(at_22_classes, size):
    _, network = at_22_classes
    assert network(torch.empty(1, 3, *size, device="meta")).shape == (1, 22, *size)


def test_sides_of_every_remainder_are_kept(at_22_classes):
    _, network = at_22_classes
    for side in range(1, 18):
        logits = network(torch.empty(1, 3, side, 71 - side, device="meta"))
        assert logits.shape[-2:] == (side, 71 - side)


@pytest.mark.parametrize(("name", "smallest"), SMALLEST_TO_TRAIN_ON_ONE.items())
def test_the_smallest_image_to_train_on_alone_leaves_two_values_a_channel(name, smallest):
    with torch.device("meta"):
        network = zoo.build(name).train()
    assert smallest_to_train_on_one(network) == smallest


@pytest.mark.parametrize("classes", [1, 2, 32])
def test_segnet_basic_grows_by_65_parameters_a_class(classes):
    network = zoo.build("segnet-basic", classes=classes)
    assert sum(p.numel() for p in network.parameters()) == 1_415_872 + 65 * classes


def test_the_same_seed_draws_the_same_weights():
    def drawn():
        torch.manual_seed(7)
        return zoo.build("segfast").state_dict()

    first, second = drawn(), drawn()
    torch.manual_seed(8)
    other = zoo.build("segfast").state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not torch.equal(first["stem.0.weight"], other["stem.0.weight"])


def test_fcn_upsampling_starts_bilinear():
    # 4x4 kernel of stride 2: the tent 1/4, 3/4, 3/4, 1/4 (Long et al., section 3.3)
    up = nn.ConvTranspose2d(2, 2, 4, stride=2, bias=False)
    initialise_for_relu(up)
    tent = torch.tensor([0.25, 0.75, 0.75, 0.25])
    assert torch.equal(up.weight[0, 0], torch.outer(tent, tent))
    assert not up.weight[0, 1].any()
    inside = up(torch.ones(1, 2, 6, 6))[..., 2:-2, 2:-2]
    torch.testing.assert_close(inside, torch.ones_like(inside))


def test_what_is_read_without_an_activation_is_drawn_with_half_the_variance():
    # He's bound for 64 channels is the root of 6 / 64 before a ReLU, of 3 / 64 elsewhere
    network = nn.Sequential(nn.Conv2d(64, 64, 1), nn.ReLU(), nn.Conv2d(64, 64, 1))
    initialise_for_relu(network, projections=[network[2]])
    for conv, bound in ((network[0], (6 / 64) ** 0.5), (network[2], (3 / 64) ** 0.5)):
        assert 0.99 * bound < conv.weight.abs().max().item() <= bound


def test_overlapping_up_convolutions_that_change_channels_are_drawn_at_random():
    # each output sees 9/4 places of 64 channels: He's bound is the root of 6 / 144
    up = nn.ConvTranspose2d(64, 16, 3, stride=2)
    initialise_for_relu(up)
    bound = (6 / 144) ** 0.5
    assert 0.99 * bound < up.weight.abs().max().item() <= bound
    assert not up.bias.any()
