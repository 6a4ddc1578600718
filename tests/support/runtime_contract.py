"""What every runtime must do; a test class inherits it and says in a fixture which, and how.

class TestMine(RuntimeContract):
    @pytest.fixture
    def spec(self):
        return RuntimeSpec("mine", "int8")
"""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from segbench.errors import UsageError
from segbench.measurement.instruments.timing import TimingInstrument
from segbench.measurement.workers.protocol import Task
from segbench.results.candidate import PRECISIONS, Candidate, RuntimeSpec
from segbench.results.workload import DEFAULT
from segbench.runtimes import can_train, check_runtime, find_runtime, prepare
from zoo.spec import ModelSpec

# Of the largest logit, for numbers of so many bits.
TOLERANCES = {"fp32": 1e-4, "bf16": 5e-2, "fp16": 1e-2, "int8": 2e-1}
CLASSES = 5
SIZE = (12, 20)


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, CLASSES, 1)
    )


class TwoHeads(nn.Module):
    """Returns logits by name, and others beside them."""

    def __init__(self):
        super().__init__()
        self.trunk = network()

    def forward(self, images):
        logits = self.trunk(images)
        return {"out": logits, "aux": logits * 2}


def images(seed):
    return torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(seed))


def logits_of(session, batch):
    return session.output(session.run(session.feed(batch)))


def expected_of(model, batch):
    with torch.no_grad():
        return copy.deepcopy(model).eval()(batch)


def assert_near(found, expected, spec):
    assert found.shape == expected.shape
    tolerance = TOLERANCES[spec.precision] * expected.abs().max()
    assert (found.float() - expected).abs().max() <= tolerance


class RuntimeContract:
    @pytest.fixture
    def spec(self):
        raise NotImplementedError("name a runtime: a fixture `spec`")

    @pytest.fixture
    def model(self):
        return network()

    @pytest.fixture
    def store(self, spec, tmp_path_factory):
        """Name a path for what is made of `network()`, so that what compiles does so once."""
        folder = tmp_path_factory.getbasetemp() / "stores"
        folder.mkdir(exist_ok=True)
        return folder / f"{spec.name}-{spec.precision}"

    def test_the_table_says_what_it_can_do(self, spec):
        row = find_runtime(spec.name)
        assert set(row.precisions) <= set(PRECISIONS)
        assert all(values for values in row.options.values())
        check_runtime(spec)

    def test_a_precision_and_an_option_that_it_has_not_are_refused(self, spec):
        row = find_runtime(spec.name)
        for precision in set(PRECISIONS) - set(row.precisions):
            with pytest.raises(UsageError, match=f"does not compute with {precision}"):
                check_runtime(RuntimeSpec(spec.name, precision))
        with pytest.raises(UsageError, match=f"runtime '{spec.name}' has no option 'colour'"):
            check_runtime(RuntimeSpec(spec.name, spec.precision, {"colour": "red"}))

    def test_logits_are_those_of_the_module_for_whatever_images_come(self, spec, model, store):
        example, other = images(1), images(2)
        expected = [expected_of(model, batch) for batch in (example, other, example)]
        session = prepare(model, example, spec, store)
        for batch, logits in zip((example, other, example), expected, strict=True):
            assert_near(logits_of(session, batch), logits, spec)

    def test_what_was_fed_first_is_still_there_when_other_images_were_fed(self, spec, model, store):
        first, second = images(1), images(2)
        expected = [expected_of(model, batch) for batch in (first, second)]
        session = prepare(model, first, spec, store)
        fed = [session.feed(batch) for batch in (first, second)]
        session.output(session.run(fed[1]))
        for batch, logits in zip(fed, expected, strict=True):
            assert_near(session.output(session.run(batch)), logits, spec)

    def test_images_that_nobody_else_holds_are_still_there(self, spec, model, store):
        expected = [expected_of(model, images(seed)) for seed in range(4)]
        session = prepare(model, images(0), spec, store)
        fed = [session.feed(images(seed).transpose(2, 3).contiguous().transpose(2, 3))
               for seed in range(4)]  # fmt: skip
        torch.full((64, *images(0).shape), 1e9)  # takes the memory of what was freed
        for batch, logits in zip(fed, expected, strict=True):
            assert_near(session.output(session.run(batch)), logits, spec)

    def test_what_a_network_returns_beside_its_logits_is_returned_too(self, spec):
        if not find_runtime(spec.name).runs_modules:
            pytest.skip("it is given a module that returns logits alone")
        model = TwoHeads()
        expected = expected_of(model, images(1))
        found = logits_of(prepare(model, images(1), spec), images(1))
        assert found.keys() == expected.keys()
        for name, logits in expected.items():
            assert_near(found[name], logits, spec)

    def test_an_inference_leaves_weights_and_images_as_they_were(self, spec, model, store):
        before = copy.deepcopy(model.state_dict())
        batch = images(1)
        logits_of(prepare(model, batch, spec, store), batch)
        assert torch.equal(batch, images(1))
        # Weights that are cast to another precision are cast where they are.
        changed = [
            name
            for name, value in model.state_dict().items()
            if value.dtype == before[name].dtype and not torch.equal(value, before[name])
        ]
        assert changed == []

    def test_no_gradient_is_kept(self, spec, model, store):
        assert not logits_of(prepare(model, images(1), spec, store), images(1)).requires_grad
        assert all(weight.grad is None for weight in model.parameters())

    def test_a_module_that_was_prepared_can_still_be_trained(self, spec, model, store):
        if not can_train(spec):
            pytest.skip("it runs inference alone")
        logits_of(prepare(model, images(1), spec, store), images(1))
        model.train()(images(1)).square().mean().backward()
        assert all(weight.grad is not None for weight in model.parameters())

    def test_hooks_see_the_modules_at_work_if_the_table_says_so(self, spec, model, store):
        session = prepare(model, images(1), spec, store)
        seen = []
        for module in model:
            module.register_forward_hook(lambda module, *_: seen.append(module))
        logits_of(session, images(1))
        assert (seen == list(model)) is find_runtime(spec.name).runs_modules

    def test_preparation_is_timed_apart_from_the_first_call(self, spec):
        candidate = Candidate(ModelSpec("nets_for_tests:Pointwise"), runtime=spec)
        task = Task(candidate, replace(DEFAULT, height=SIZE[0], width=SIZE[1]))
        found = TimingInstrument(task).warm_up("inference")
        assert found["prepare_s"] >= 0
        assert found["first_call_s"].keys() == {"forward"}
        assert found["calls"] > 1
