"""Quantised modules hold their weights in an engine's own form, and are counted all the same."""

import pytest
import torch
from torch import nn

from segbench.measurement.counting import count_forward_by_dispatch, count_parameters

# torch is about to move all of it into a package of its own.
pytestmark = pytest.mark.filterwarnings("ignore:torch")


def test_weights_of_quantised_linear_layers_are_of_one_byte():
    from torch.ao.quantization import quantize_dynamic

    model = nn.Sequential(nn.Linear(8, 4), nn.ReLU())
    quantised = quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)
    found = count_parameters(quantised)
    assert found.total == 8 * 4 + 4
    assert found.weights_bytes == 8 * 4 * 1 + 4 * 4  # biases stay floats
    counted = count_forward_by_dispatch(quantised, torch.zeros(2, 8))
    assert counted.uncounted == (("quantized::linear_dynamic", 1),)


def test_weights_of_quantised_convolutions_are_of_one_byte():
    from torch.ao.nn import quantized

    found = count_parameters(nn.Sequential(quantized.Conv2d(3, 8, 3), nn.Conv2d(8, 5, 1)))
    assert found.frozen == 8 * 27 + 8
    assert found.trainable == 8 * 5 + 5
    assert found.weights_bytes == 8 * 27 * 1 + 8 * 4 + (8 * 5 + 5) * 4
