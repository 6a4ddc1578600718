"""The instrument for exact figures: subnormal numbers, and what a worker replies."""

import pytest
import torch
from tasks import make_task

from segbench.measurement.instruments.inspection import NUMBERS_AT_A_TIME, subnormals_in
from segbench.measurement.workers.supervisor import Question, ask_once

TINY = 1e-40


def test_subnormal_numbers_are_found_on_both_sides_of_where_a_large_tensor_is_split():
    numbers = torch.ones(2 * NUMBERS_AT_A_TIME + 1)
    numbers[[0, NUMBERS_AT_A_TIME - 1, NUMBERS_AT_A_TIME, -1]] = TINY
    assert subnormals_in(numbers) == 4


def test_subnormal_numbers_are_found_in_tensors_of_any_layout():
    numbers = torch.zeros(2, 3, 4, 4)
    numbers[1, 2] = -TINY
    assert subnormals_in(numbers.to(memory_format=torch.channels_last)) == 16
    assert subnormals_in(numbers[:, :, ::2]) == 8
    assert subnormals_in(torch.tensor(TINY)) == 1
    assert subnormals_in(torch.empty(0)) == 0


@pytest.mark.measures
@pytest.mark.usefixtures("forked")
def test_a_worker_replies_with_every_exact_figure():
    task = make_task("segnet-basic", height=64, width=64, classes=22)
    found = ask_once(Question(task, "inspection", "inspect", {"strict": True}))
    assert found["params"] == 1_417_302
    assert found["weights_bytes"] == 4 * 1_417_302
    assert found["saved_activations_bytes"] == 7_663_616  # worked out in test_saved_activations
    assert found["subnormals"]["weights"] == 0
