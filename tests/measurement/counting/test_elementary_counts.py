"""Pooling, norms, activations and data movement against integers worked out by hand."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from segbench.measurement.counting import count_backward, count_forward, count_forward_by_dispatch

both_counters = pytest.mark.parametrize("count", [count_forward, count_forward_by_dispatch])


class Computing(nn.Module):
    """A function as a module; its input passes a scale, so that it has a gradient."""

    def __init__(self, compute, *, scaled=False):
        super().__init__()
        self.compute = compute
        if scaled:
            self.scale = nn.Parameter(torch.ones(()))

    def forward(self, images):
        return self.compute(images * self.scale if hasattr(self, "scale") else images)


def unpooled(images):
    pooled, indices = functional.max_pool2d(images, 2, return_indices=True)
    return functional.max_unpool2d(pooled, indices, 2, output_size=(6, 6))


CHANNELS, ELEMENTS = 4, 4 * 6 * 6
# name: (function of a 1x4x6x6 input, forward flops, backward flops)
CASES = {
    "relu": (functional.relu, ELEMENTS, ELEMENTS),
    "relu in place": (lambda x: functional.relu(x + 1, inplace=True), 2 * ELEMENTS, ELEMENTS),
    "relu6": (functional.relu6, 2 * ELEMENTS, 2 * ELEMENTS),
    "leaky relu": (functional.leaky_relu, 2 * ELEMENTS, 2 * ELEMENTS),
    "sigmoid": (torch.sigmoid, 4 * ELEMENTS, 3 * ELEMENTS),
    "silu": (functional.silu, 5 * ELEMENTS, 9 * ELEMENTS),
    "tanh": (torch.tanh, ELEMENTS, 3 * ELEMENTS),
    "log-softmax": (lambda x: functional.log_softmax(x, 1), 5 * ELEMENTS, 4 * ELEMENTS),
    "softmax": (lambda x: functional.softmax(x, 1), 5 * ELEMENTS, 4 * ELEMENTS),
    # 3x3 windows of 4 elements: 3 comparisons each; backward one addition each.
    "max pool": (lambda x: functional.max_pool2d(x, 2), 4 * 9 * 3, 4 * 9),
    # Windows of 4 start at 0 and 4, so ceil mode keeps 4 and 2 rows: (4+2)**2 elements in 2*2.
    "max pool, ceil mode": (
        lambda x: functional.max_pool2d(x, 4, ceil_mode=True),
        4 * (6 * 6 - 4),
        4 * 4,
    ),
    # Kernel 3, stride 2, padding 1: windows hold 2, 3, 3 rows, (2+3+3)**2 elements in 3*3.
    "max pool, padded": (lambda x: functional.max_pool2d(x, 3, 2, 1), 4 * (64 - 9), 4 * 9),
    # Kernel 2 with dilation 3 fits at 0, 1, 2: 3*3 windows of 4.
    "max pool, dilated": (lambda x: functional.max_pool2d(x, 2, 1, 0, 3), 4 * 9 * 3, 4 * 9),
    # 9 windows of 4 elements; backward a division for each window, an addition for each element.
    "average pool": (lambda x: functional.avg_pool2d(x, 2), 4 * 36, 4 * (9 + 36)),
    "average pool, ceil mode": (
        lambda x: functional.avg_pool2d(x, 4, ceil_mode=True),
        4 * 36,
        4 * (4 + 36),
    ),
    # Six rows in four windows: 0-1, 1-2, 3-4, 4-5, hence (2*4)**2 elements in 16 windows.
    "adaptive average pool": (
        lambda x: functional.adaptive_avg_pool2d(x, 4),
        4 * 64,
        4 * (16 + 64),
    ),
    "mean over places": (lambda x: x.mean((2, 3)), ELEMENTS, ELEMENTS),
    # A max pool and nothing for the scatter; backward nothing for the gather.
    "unpooling": (unpooled, 4 * 9 * 3, 4 * 9),
    "bilinear": (
        lambda x: functional.interpolate(x, scale_factor=2, mode="bilinear"),
        7 * 4 * 12 * 12,
        8 * 4 * 12 * 12,
    ),
    "nearest": (lambda x: functional.interpolate(x, scale_factor=2), 0, 4 * 12 * 12),
    # Each half is 1 multiplication; the gradients of the two uses are added.
    "concatenation": (lambda x: torch.cat([x * 2, x], 1), ELEMENTS, 2 * ELEMENTS),
    "addition": (lambda x: x + 1.5, ELEMENTS, 0),
    "scaled addition": (lambda x: torch.add(x, 1.5, alpha=2), 2 * ELEMENTS, 0),
    "crop": (lambda x: x[:, :, 1:5, 2:4], 0, 0),
    "padding": (lambda x: functional.pad(x, (1, 2, 3, 4)), 0, 0),
    "reshape": (lambda x: x.flatten(1).reshape(2, -1).transpose(0, 1), 0, 0),
    "dropout in eval mode": (lambda x: functional.dropout(x, training=False), 0, 0),
    # The mask is scaled and multiplied; backward multiplied.
    "dropout in train mode": (functional.dropout, 2 * ELEMENTS, ELEMENTS),
    "feature dropout in train mode": (functional.dropout2d, ELEMENTS + CHANNELS, ELEMENTS),
    "clamp": (lambda x: x.clamp(min=0), ELEMENTS, None),
    "sum": (lambda x: x.sum((2, 3)), ELEMENTS - CHANNELS, 0),
    "whole numbers": (lambda x: x[:, torch.arange(4) * 1], 0, None),
}


@both_counters
@pytest.mark.parametrize(
    ("compute", "flops"), [case[:2] for case in CASES.values()], ids=CASES.keys()
)
def test_forward_flops_follow_the_table(count, compute, flops):
    counted = count(Computing(compute), torch.zeros(1, 4, 6, 6))
    assert (counted.macs, counted.flops, counted.uncounted) == (0, flops, ())


BACKWARD = {name: case for name, case in CASES.items() if case[2] is not None}


@pytest.mark.parametrize(
    ("compute", "flops"), [(case[0], case[2]) for case in BACKWARD.values()], ids=BACKWARD.keys()
)
def test_backward_flops_follow_the_table(compute, flops):
    counted = count_backward(Computing(compute, scaled=True), torch.ones(1, 4, 6, 6))
    # The gradient of the scale is a product with the input, summed to one number.
    assert counted.flops == flops + ELEMENTS + (ELEMENTS - 1)
    assert (counted.macs, counted.uncounted) == (0, ())


@both_counters
def test_batch_norm_in_eval_mode_is_a_scale_and_a_shift(count):
    assert count(nn.BatchNorm2d(4), torch.zeros(2, 4, 6, 6)).flops == 2 * (2 * ELEMENTS)


@both_counters
def test_batch_norm_without_running_statistics_takes_those_of_the_batch(count):
    norm = nn.BatchNorm2d(4, track_running_stats=False)
    assert count(norm, torch.zeros(2, 4, 6, 6)).flops == 6 * (2 * ELEMENTS)


def test_batch_norm_backward_is_five_for_its_parameters_and_nine_with_its_input():
    images = torch.zeros(2, 4, 6, 6)
    alone = count_backward(nn.BatchNorm2d(4), images)
    twice = count_backward(nn.Sequential(nn.BatchNorm2d(4), nn.BatchNorm2d(4)), images)
    assert alone.flops == 5 * (2 * ELEMENTS)
    assert twice.flops == (5 + 9) * (2 * ELEMENTS)


@both_counters
def test_a_five_by_five_input_has_half_windows_at_its_border_in_ceil_mode(count):
    pool = nn.MaxPool2d(2, ceil_mode=True)
    # Windows of 2, 2, 1 rows: 25 elements in 9 windows.
    assert count(pool, torch.zeros(1, 1, 5, 5)).flops == 25 - 9


def test_what_is_used_twice_has_its_gradients_added():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.convolution = nn.Conv2d(4, 4, 1, bias=False)

        def forward(self, images):
            features = self.convolution(images)
            return features + functional.relu(features)

    counted = count_backward(Residual(), torch.zeros(1, 4, 6, 6))
    macs = 36 * 4 * 4
    assert counted.macs == macs
    assert counted.flops == 2 * macs + ELEMENTS + ELEMENTS  # relu, addition
