"""Convolutions and matrix products, forward and backward, against integers worked out by hand."""

import pytest
import torch
from torch import nn

from segbench.measurement.counting import count_backward, count_forward, count_forward_by_dispatch

both_counters = pytest.mark.parametrize("count", [count_forward, count_forward_by_dispatch])


class BehindScale(nn.Module):
    """A network whose module gets a gradient for its input: one scale a channel stands before."""

    def __init__(self, module, channels):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.module = module

    def forward(self, images):
        return self.module(images * self.scale)


# name: (module, input shape, forward MACs by hand). Weights of one filter x places it is put at.
CASES = {
    "dense": (
        lambda: nn.Conv2d(3, 8, 3, padding=1, bias=False),
        (1, 3, 32, 32),
        32 * 32 * 8 * (3 * 3 * 3),
    ),
    "dense, batch 2, stride 2": (
        lambda: nn.Conv2d(4, 6, (3, 5), stride=2, bias=False),
        (2, 4, 11, 13),
        2 * (5 * 5) * 6 * (4 * 3 * 5),  # (11-3)//2+1 = 5 rows, (13-5)//2+1 = 5 columns
    ),
    "grouped": (
        lambda: nn.Conv2d(8, 12, 3, groups=4, bias=False),
        (1, 8, 10, 10),
        (8 * 8) * 12 * (8 // 4 * 3 * 3),
    ),
    "depthwise": (
        lambda: nn.Conv2d(64, 64, 3, padding=1, groups=64, bias=False),
        (1, 64, 64, 64),
        (64 * 64) * 64 * (1 * 3 * 3),
    ),
    "depthwise with multiplier 2": (
        lambda: nn.Conv2d(5, 10, 3, groups=5, bias=False),
        (1, 5, 7, 7),
        (5 * 5) * 10 * (1 * 3 * 3),
    ),
    "dilated": (
        lambda: nn.Conv2d(3, 4, 3, dilation=3, bias=False),
        (1, 3, 16, 16),
        (10 * 10) * 4 * (3 * 3 * 3),  # a dilated 3x3 spans 7: 16-7+1 = 10
    ),
    "transposed": (
        lambda: nn.ConvTranspose2d(6, 4, 2, stride=2, bias=False),
        (1, 6, 5, 7),
        (5 * 7) * 6 * (4 * 2 * 2),  # every *input* element meets 4 filters of 2x2
    ),
    "transposed with output padding": (
        lambda: nn.ConvTranspose2d(6, 4, 3, stride=2, padding=1, output_padding=1, bias=False),
        (2, 6, 5, 5),
        2 * (5 * 5) * 6 * (4 * 3 * 3),
    ),
    "transposed, grouped": (
        lambda: nn.ConvTranspose2d(6, 9, 3, stride=2, groups=3, bias=False),
        (1, 6, 4, 4),
        (4 * 4) * 6 * (9 // 3 * 3 * 3),
    ),
    "transposed, depthwise": (
        lambda: nn.ConvTranspose2d(22, 22, 2, stride=2, groups=22, bias=False),
        (1, 22, 8, 8),
        (8 * 8) * 22 * (1 * 2 * 2),
    ),
    "transposed, depthwise, dilated": (
        lambda: nn.ConvTranspose2d(7, 7, 3, stride=3, dilation=2, groups=7, bias=False),
        (1, 7, 6, 6),
        (6 * 6) * 7 * (1 * 3 * 3),
    ),
}
every_case = pytest.mark.parametrize(("build", "shape", "macs"), CASES.values(), ids=CASES)


@both_counters
@every_case
def test_forward_macs_are_places_times_weights_of_a_filter(count, build, shape, macs):
    counted = count(build(), torch.zeros(shape))
    assert (counted.macs, counted.flops, counted.uncounted) == (macs, 2 * macs, ())


@every_case
def test_backward_of_a_first_convolution_has_its_weight_gradient_alone(build, shape, macs):
    counted = count_backward(build(), torch.zeros(shape))
    assert (counted.macs, counted.flops, counted.uncounted) == (macs, 2 * macs, ())


@every_case
def test_backward_of_a_later_convolution_is_twice_its_forward(build, shape, macs):
    counted = count_backward(BehindScale(build(), shape[1]), torch.zeros(shape))
    # Gradients of input and weight, and of the scale: a product each, summed over batch and places.
    batch, channels, height, width = shape
    elements = batch * channels * height * width
    assert counted.macs == 2 * macs
    assert counted.flops == 2 * (2 * macs) + elements + (elements - channels)
    assert counted.uncounted == ()


def test_a_frozen_convolution_passes_the_gradient_on_and_has_none_for_its_weight():
    frozen = nn.Conv2d(4, 4, 1, bias=False).requires_grad_(requires_grad=False)
    counted = count_backward(BehindScale(frozen, 4), torch.zeros(1, 4, 6, 6))
    assert counted.macs == 6 * 6 * 4 * 4


def test_depthwise_conv_macs_are_divided_by_groups():
    dense = nn.Conv2d(16, 16, 3, padding=1, bias=False)
    depthwise = nn.Conv2d(16, 16, 3, padding=1, bias=False, groups=16)
    images = torch.zeros(1, 16, 9, 9)
    for count in (count_forward, count_forward_by_dispatch, count_backward):
        assert count(dense, images).macs == 16 * count(depthwise, images).macs


@both_counters
def test_a_bias_is_one_addition_for_each_output_element_and_no_mac(count):
    counted = count(nn.Conv2d(3, 5, 1), torch.zeros(2, 3, 4, 4))
    macs = 2 * (4 * 4) * 5 * 3
    assert (counted.macs, counted.flops) == (macs, 2 * macs + 2 * 5 * 4 * 4)


def test_the_gradient_of_a_bias_sums_over_batch_and_places():
    counted = count_backward(nn.Conv2d(3, 5, 1), torch.zeros(2, 3, 4, 4))
    macs = 2 * (4 * 4) * 5 * 3
    assert (counted.macs, counted.flops) == (macs, 2 * macs + 5 * (2 * 4 * 4 - 1))


@both_counters
def test_a_linear_layer_counts_features_in_times_features_out(count):
    counted = count(nn.Linear(10, 4), torch.zeros(3, 10))
    assert (counted.macs, counted.flops) == (3 * 10 * 4, 2 * 120 + 3 * 4)


@both_counters
def test_a_linear_layer_over_places_counts_every_place(count):
    counted = count(nn.Linear(10, 4, bias=False), torch.zeros(2, 5, 10))
    assert (counted.macs, counted.flops) == (2 * 5 * 10 * 4, 2 * 400)


def test_backward_of_a_first_linear_layer_has_its_weight_gradient_alone():
    counted = count_backward(nn.Linear(10, 4), torch.zeros(3, 10))
    assert (counted.macs, counted.flops) == (3 * 10 * 4, 2 * 120 + 4 * (3 - 1))


class Product(nn.Module):
    def __init__(self, multiply):
        super().__init__()
        self.multiply = multiply

    def forward(self, left, right):
        return self.multiply(left, right)


@both_counters
@pytest.mark.parametrize(
    ("multiply", "left", "right", "macs"),
    [
        (torch.mm, (2, 3), (3, 4), 2 * 3 * 4),
        (torch.bmm, (5, 2, 3), (5, 3, 4), 5 * 2 * 3 * 4),
        (torch.matmul, (6, 5, 2, 3), (3, 4), 6 * 5 * 2 * 3 * 4),
        (torch.matmul, (2, 3), (3,), 2 * 3),
        (torch.matmul, (3,), (3,), 3),
    ],
)
def test_a_product_of_matrices_counts_rows_by_inner_size_by_columns(
    count, multiply, left, right, macs
):
    counted = count(Product(multiply), (torch.zeros(left), torch.zeros(right)))
    assert (counted.macs, counted.flops, counted.uncounted) == (macs, 2 * macs, ())


@both_counters
def test_addmm_adds_once_for_each_output_element(count):
    model = Product(lambda left, right: torch.addmm(torch.zeros(4), left, right))
    counted = count(model, (torch.zeros(2, 3), torch.zeros(3, 4)))
    assert (counted.macs, counted.flops) == (24, 2 * 24 + 2 * 4)
