"""Other authors' small networks have the counts that are known of them, to the digit."""

import pytest
import torch
from convolution_macs import count_conv_macs
from model_contract import smallest_to_train_on_one

import zoo
from segbench.runtimes.inputs import make_noise
from segbench.runtimes.norm_statistics import fill_statistics

# At 19 classes without auxiliary heads: parameters, and multiply-accumulates of convolutions at
# 1x3x256x256, both counted of an independent implementation (pytorchcv 0.0.74, fvcore). Of
# ENet, whose unpooling fvcore cannot follow, the multiply-accumulates were counted by hooks.
COUNTS = {
    "contextnet": (876_563, 209_106_592),
    "fastscnn": (1_138_051, 209_654_624),
    "edanet": (689_485, 1_104_111_616),
    "enet": (358_060, 515_162_112),
    "cgnet": (496_306, 845_283_328),
    "dabnet": (756_643, 1_277_547_520),
    "erfnet": (2_064_191, 3_325_542_400),
}

# One more than the rows of which the deepest batch norm meets one; None behind global pooling.
SMALLEST_TO_TRAIN_ON_ONE = {
    "contextnet": 41,  # 40 are 10 at stride 4, 4 without padding, 2, 1
    "fastscnn": None,
    "edanet": 9,
    "enet": 9,
    "cgnet": 9,
    "dabnet": 9,
    "erfnet": 9,
    "lraspp-large": 17,
    "lraspp-small": 17,
    "segfast-v2": 17,
    "bisenetv2": None,
    "ddrnet23-slim": None,
    "topformer-tiny": 65,
}

SMALL = zoo.models(tag="small")
WITH_AUXILIARY = [name for name in SMALL if zoo.accepts_option(name, "auxiliary")]


def on_meta(name, **options):
    """Build a network without weights: counting needs shapes alone."""
    with torch.device("meta"):
        return zoo.build(name, **options).eval()


def params_of(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("name", COUNTS)
def test_counts_at_19_classes_are_those_known(name):
    network = on_meta(name, classes=19)
    found = params_of(network), count_conv_macs(network, (1, 3, 256, 256))
    assert found == COUNTS[name]


@pytest.mark.parametrize("name", SMALL)
def test_counts_in_the_registry_are_those_of_the_network(name):
    network, row = on_meta(name), zoo.entry(name)
    found = params_of(network), count_conv_macs(network, (1, 3, 224, 224))
    assert found == (row.params_at_22, row.conv_macs_at_22)
    assert row.published is None


@pytest.mark.parametrize("name", SMALL)
def test_sizes_of_driving_scenes_and_sides_of_every_remainder_are_kept(name):
    network = on_meta(name)
    for size in [(360, 480), (225, 301), *((side, 71 - side) for side in range(1, 34))]:
        assert network(torch.empty(1, 3, *size, device="meta")).shape == (1, 22, *size)


@pytest.mark.parametrize("name", SMALL)
def test_the_smallest_image_to_train_on_alone_leaves_two_values_a_channel(name):
    assert smallest_to_train_on_one(on_meta(name).train()) == SMALLEST_TO_TRAIN_ON_ONE[name]


def test_enet_has_a_slope_for_each_channel_where_the_paper_has_one():
    # 3 behind the convolutions of a bottleneck and 1 behind its sum, for 16 channels in the initial
    # block, and for 4 to 64, 16 to 64, 16 to 128 and 32 to 128 in the bottlenecks of the encoder;
    # 4 of 16 convolve 5x1 and 1x5, with one more between
    layers = 1 + 4 * 22 + 4
    channels = 16 + (2 * 4 + 2 * 64) + 4 * (2 * 16 + 2 * 64) + (2 * 16 + 2 * 128)
    channels += 16 * (2 * 32 + 2 * 128) + 4 * 32
    by_layer, by_channel = (
        params_of(on_meta("enet", classes=19, slopes=each)) for each in ("layer", "channel")
    )
    assert by_channel - by_layer == channels - layers


def test_transposed_convolutions_that_change_the_channels_are_drawn_at_random():
    # 3x3 at stride 2: an output sees each of 16 channels 9 / 4 times, so 2 / fan-in is 1 / 18
    torch.manual_seed(0)
    classifier = zoo.build("enet", classes=300).classifier
    assert classifier.weight.var().item() == pytest.approx(1 / 18, rel=0.02)


def test_fast_scnn_has_the_count_known_of_it_with_one_auxiliary_classifier():
    # of the two that the paper has, public implementations have the first
    network = on_meta("fastscnn", classes=19, auxiliary=True)
    assert params_of(network) - params_of(network.auxiliary["context"]) == 1_176_278


@pytest.mark.parametrize("name", WITH_AUXILIARY)
def test_auxiliary_classifiers_are_there_in_training_alone_and_under_one_name(name):
    plain, network = on_meta(name), on_meta(name, auxiliary=True)
    images = torch.empty(2, 3, 45, 61, device="meta")
    assert network(images).shape == (2, 22, 45, 61)
    logits = network.train()(images)
    assert len(logits) == 1 + len(network.auxiliary)
    assert {each.shape for each in logits} == {(2, 22, 45, 61)}
    names = [name for name in network.state_dict() if not name.startswith("auxiliary.")]
    assert names == list(plain.state_dict())
    assert count_conv_macs(network.eval(), images.shape) == count_conv_macs(plain, images.shape)


@pytest.mark.parametrize("name", SMALL)
def test_width_scales_what_is_inside_and_not_the_logits(name):
    counts = [params_of(on_meta(name, width=width)) for width in (0.5, 1.0, 2.0)]
    assert counts == sorted(set(counts))
    for width in (0.1, 0.5, 1.3):
        network = on_meta(name, width=width)
        assert network(torch.empty(2, 3, 64, 64, device="meta")).shape == (2, 22, 64, 64)


@pytest.mark.parametrize("name", ["lraspp-large", "lraspp-small", "topformer-tiny"])
def test_linear_bottlenecks_do_not_enlarge_activations(name):
    torch.manual_seed(0)
    network = zoo.build(name).eval()
    fill_statistics(network, seed=0)
    with torch.inference_mode():
        assert network(make_noise((1, 3, 96, 96), seed=0)).abs().max() < 200
