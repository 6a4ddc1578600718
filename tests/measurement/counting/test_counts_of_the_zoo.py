"""The zoo's networks: both counters agree, and meet what is worked out by hand."""

import pytest
import torch
from torch import nn

import zoo
from segbench.measurement.counting import count_backward, count_forward, count_forward_by_dispatch
from segbench.measurement.counting.dispatched import _count_dispatched
from segbench.measurement.counting.stand_in import stand_in
from segbench.measurement.counting.traced import _count_trace

CLASSES = 22


def places(divisor):
    return (224 // divisor) ** 2


# Four stages of 7x7 x 64 at 1/1, 1/2, 1/4, 1/8, their mirror image, and a 1x1 classifier.
SEGNET_BASIC = (
    7 * 7 * 3 * 64 * places(1)
    + 7 * 7 * 64 * 64 * (places(2) + places(4) + places(8))
    + 7 * 7 * 64 * 64 * (places(8) + places(4) + places(2) + places(1))
    + 64 * CLASSES * places(1)
)
MACS_AT_224 = {
    "fcn8s": 62_878_174_720,
    "segnet": 31_242_387_456,
    "segfast-basic": 3_388_585_984,
    "segfast": 769_141_632,
    "segnet-basic": SEGNET_BASIC,
}
every_network = pytest.mark.parametrize("name", MACS_AT_224)


@pytest.fixture(scope="module")
def networks():
    """Every network without its weights: counting looks at shapes alone."""
    return {name: stand_in(zoo.build(name, classes=CLASSES)) for name in MACS_AT_224}


def first_convolution_macs(network, height, width):
    """Of the convolution that sees the picture, from its definition; zoo networks pad to fit."""
    first = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    rows, columns = (
        (size + 2 * first.padding[axis] - first.kernel_size[axis]) // first.stride[axis] + 1
        for axis, size in enumerate((height, width))
    )
    return rows * columns * first.weight.numel()


@every_network
def test_macs_at_224_are_those_of_the_published_architecture(networks, name):
    assert count_forward(networks[name], torch.zeros(1, 3, 224, 224)).macs == MACS_AT_224[name]


@every_network
@pytest.mark.parametrize("size", [(64, 64), (224, 224), (360, 480), (225, 301)])
def test_both_counters_agree_to_the_last_integer(networks, name, size):
    images = torch.zeros(1, 3, *size)
    traced = count_forward(networks[name], images)
    assert traced == count_forward_by_dispatch(networks[name], images)
    assert traced.uncounted == ()
    assert traced.macs > 0


@pytest.mark.parametrize("size", [(64, 64), (45, 61)])
@pytest.mark.parametrize("name", zoo.models(tag="small"))
def test_both_counters_agree_on_small_networks_and_know_all_that_they_do(name, size):
    network, images = stand_in(zoo.build(name, classes=CLASSES)), torch.zeros(1, 3, *size)
    traced = count_forward(network, images)
    assert traced == count_forward_by_dispatch(network, images)
    assert traced.uncounted == ()
    assert traced.macs > 0


@pytest.mark.parametrize("name", ["segfast", "segnet-basic"])
def test_counts_do_not_depend_on_the_stand_in(networks, name):
    images = torch.zeros(1, 3, 64, 64)
    real = zoo.build(name, classes=CLASSES).eval()
    expected = count_forward(networks[name], images)
    assert _count_trace(real, (images,)) == expected
    assert _count_dispatched(real, (images,)) == expected


@every_network
def test_backward_macs_are_twice_forward_less_the_gradient_of_the_picture(networks, name):
    counted = count_backward(networks[name], torch.zeros(1, 3, 224, 224))
    first = first_convolution_macs(networks[name], 224, 224)
    assert counted.macs == 2 * MACS_AT_224[name] - first
    assert counted.uncounted == ()


@every_network
def test_macs_grow_with_the_batch(networks, name):
    one, three = torch.zeros(1, 3, 64, 64), torch.zeros(3, 3, 64, 64)
    for count in (count_forward, count_backward):
        assert count(networks[name], three).macs == 3 * count(networks[name], one).macs


def test_a_network_is_counted_without_being_computed():
    network = zoo.build("segfast", classes=CLASSES)
    on_meta = []
    network.register_forward_pre_hook(lambda _, inputs: on_meta.append(inputs[0].is_meta))
    for count in (count_forward, count_forward_by_dispatch, count_backward):
        count(network, torch.zeros(1, 3, 64, 64))
    assert on_meta == [True, True, True]
