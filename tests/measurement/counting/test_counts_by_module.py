"""Counts of single modules, and of parameters."""

import pytest
import torch
from torch import nn

from segbench.measurement.counting import count_by_module, count_forward, count_parameters


def nested():
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU()),
        nn.Conv2d(8, 4, 1),
    )


def test_a_module_counts_what_its_children_count():
    counts = count_by_module(nested(), torch.zeros(1, 3, 4, 4))
    places = 4 * 4
    assert {name: (count.macs, count.flops) for name, count in counts.items()} == {
        "": (places * (216 + 32), places * (2 * 216 + 2 * 8 + 8 + 2 * 32 + 4)),
        "0": (places * 216, places * (2 * 216 + 2 * 8 + 8)),
        "0.0": (places * 216, places * 2 * 216),
        "0.1": (0, places * 2 * 8),
        "0.2": (0, places * 8),
        "1": (places * 32, places * (2 * 32 + 4)),
    }


def test_the_root_counts_what_the_whole_model_counts():
    images = torch.zeros(1, 3, 5, 7)
    assert count_by_module(nested(), images)[""] == count_forward(nested(), images)


class Looping(nn.Module):
    def __init__(self):
        super().__init__()
        self.unused = nn.ReLU()
        self.branches = nn.ModuleList([nn.Conv2d(2, 2, 1, bias=False) for _ in range(3)])

    def forward(self, images):
        return sum(branch(images) for branch in self.branches)


def test_a_list_of_modules_counts_what_its_items_count():
    counts = count_by_module(Looping(), torch.zeros(1, 2, 3, 3))
    assert counts["branches"].macs == 3 * counts["branches.0"].macs == 3 * 9 * 2 * 2
    assert counts["unused"].flops == 0


def test_a_module_called_twice_counts_both_calls():
    shared = nn.Conv2d(2, 2, 1, bias=False)
    counts = count_by_module(nn.Sequential(shared, shared), torch.zeros(1, 2, 3, 3))
    assert {name: count.macs for name, count in counts.items()} == {"": 72, "0": 72}


def test_shared_parameters_count_once():
    first, second = nn.Linear(4, 4), nn.Linear(4, 4)
    second.weight = first.weight
    counted = count_parameters(nn.Sequential(first, second))
    assert counted.total == 4 * 4 + 4 + 4
    assert counted.weights_bytes == 4 * 24


def test_frozen_parameters_and_buffers_are_counted_apart():
    model = nn.Sequential(nn.Conv2d(3, 8, 1, dtype=torch.float64), nn.BatchNorm2d(8))
    model[0].weight.requires_grad_(requires_grad=False)
    counted = count_parameters(model)
    assert (counted.trainable, counted.frozen) == (8 + 8 + 8, 24)
    assert counted.weights_bytes == 8 * (24 + 8) + 4 * (8 + 8)
    assert counted.buffers_bytes == 4 * (8 + 8) + 8  # mean, variance; one int64 counts batches


@pytest.mark.parametrize("count", [count_forward, lambda m, x: count_by_module(m, x)[""]])
def test_shares_sum_to_the_whole(count):
    counted = count(nested(), torch.zeros(1, 3, 4, 4))
    assert [share.operation for share in counted.by_operation] == [
        "batch norm",
        "convolution",
        "relu",
    ]
    assert sum(share.flops for share in counted.by_operation) == counted.flops
    assert sum(share.macs for share in counted.by_operation) == counted.macs
    assert counted.by_operation[1].calls == 2
