"""SegFast-V2 is SegFast with its depthwise kernels factored."""

import pytest
import torch
from convolution_macs import count_conv_macs
from torch import nn

import zoo

# channels that meet a 3x3 kernel: the squeezes of eight spark modules, three concatenations
SQUEEZES = {56: 16 + 16, 28: 32 + 32, 14: 48 + 48 + 64 + 64}  # by the side of the map at 224
CONCATENATED = {28: 512, 56: 256, 112: 128}
# channels that are doubled, by the side of the map that enters
DOUBLED = {14: 512, 28: 256, 56: 128, 112: 22}


def values(channels):
    return sum(count * side**2 for side, count in channels.items())


@pytest.fixture(scope="module")
def network():
    with torch.device("meta"):
        return zoo.build("segfast-v2").eval()


def test_parameters_are_three_fewer_for_each_channel_that_meets_a_3x3(network):
    channels = sum(SQUEEZES.values()) + sum(CONCATENATED.values())
    assert channels == 1_216
    found = sum(parameter.numel() for parameter in network.parameters())
    assert found == 603_288 - 3 * channels


def test_a_factored_3x3_costs_6_of_9_and_a_factored_transposed_2x2_6_of_4(network):
    # transposed: 2 weights of a row at each place, then 2 of a column at twice the places
    kept, doubled = values(SQUEEZES) + values(CONCATENATED), values(DOUBLED)
    expected = 769_141_632 - 3 * kept + 2 * doubled
    assert count_conv_macs(network, (1, 3, 224, 224)) == expected


def test_every_depthwise_kernel_is_a_row_or_a_column(network):
    kernels = {
        module.kernel_size
        for module in network.modules()
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and module.groups > 1
    }
    assert kernels == {(1, 3), (3, 1), (1, 2), (2, 1)}


def test_an_up_convolution_starts_as_nearest_neighbour_upsampling():
    head = zoo.build("segfast-v2", classes=2).head[1]
    scores = torch.rand(1, 2, 3, 3)
    assert torch.equal(head(scores), scores.repeat_interleave(2, -1).repeat_interleave(2, -2))


def test_all_but_the_depthwise_kernels_is_segfasts(network):
    with torch.device("meta"):
        plain = {key: value.shape for key, value in zoo.build("segfast").state_dict().items()}
    factored = {key: value.shape for key, value in network.state_dict().items()}
    replaced = plain.keys() - factored.keys()
    assert {plain[key][1:] for key in replaced} == {(1, 3, 3), (1, 2, 2)}
    assert plain.items() - factored.items() == {(key, plain[key]) for key in replaced}
