"""What every network must do; a test class inherits it and says in a fixture which network.

class TestMine(ModelContract):
    @pytest.fixture(scope="class")
    @classmethod
    def model(cls):
        return "mypkg.nets:tiny"
"""

import copy
import re
import sys

import pytest
import torch
from torch import nn

import zoo

CLASSES = 5
TRACE_IS_DEPRECATED = "ignore:`torch.jit.*` is deprecated:DeprecationWarning"


def image(height, width, batch=1):
    return torch.rand(batch, 3, height, width)


def distance(logits, expected):
    """The largest difference as a share of the largest logit, which may be of any scale."""
    assert logits.shape == expected.shape
    return ((logits - expected).abs().max() / expected.abs().max()).item()


class ModelContract:
    """Of any network: what measuring, training and exporting it takes."""

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls):
        raise NotImplementedError("name a network: a fixture `model` of scope class")

    @pytest.fixture(scope="class")
    @classmethod
    def network(cls, model):
        torch.manual_seed(0)
        return zoo.build(model, classes=CLASSES)

    @pytest.fixture
    def evaluated(self, network):
        return network.eval()

    @pytest.fixture(scope="class")
    @classmethod
    def seen(cls, network):
        """A picture, and the logits that the network has of it."""
        picture = image(17, 33)
        with torch.no_grad():
            return picture, network.eval()(picture)

    @pytest.fixture
    def training(self, network):
        state = copy.deepcopy(dict(network.named_buffers()))
        yield network.train()
        network.load_state_dict(state, strict=False)  # running statistics as they were
        network.zero_grad(set_to_none=True)
        network.eval()

    def test_builds_a_network_that_takes_classes(self, model, network):
        assert isinstance(network, nn.Module)
        assert zoo.accepts_option(model, "classes")

    @pytest.mark.parametrize("size", [(1, 1), (45, 61)])
    def test_logits_are_one_tensor_of_exactly_the_size_of_the_image(self, evaluated, size):
        with torch.no_grad():
            logits = evaluated(image(*size))
        assert type(logits) is torch.Tensor
        assert logits.shape == (1, CLASSES, *size)
        assert logits.isfinite().all()

    def test_images_of_a_batch_do_not_meet_in_evaluation(self, evaluated):
        batch = image(16, 32, batch=2)
        with torch.no_grad():
            together = evaluated(batch)
            alone = evaluated(batch[1:])
        assert together.shape == (2, CLASSES, 16, 32)
        assert distance(together[1:], alone) < 1e-3
        assert distance(together[:1], alone) > 1e-2

    def test_gradients_reach_every_parameter(self, evaluated):
        # in evaluation: two batch norms in a row leave the first without gradient in training;
        # attention over a single token, which a smaller image is at stride 64, has none
        evaluated(image(65, 97)).square().mean().backward()
        without = [
            name
            for name, parameter in evaluated.named_parameters()
            if parameter.grad is None or not parameter.grad.any()
        ]
        evaluated.zero_grad(set_to_none=True)
        assert without == []

    def test_trains_on_two_small_images(self, training):
        logits = training(image(16, 16, batch=2))
        target = torch.zeros(2, 16, 16, dtype=torch.long)
        nn.functional.cross_entropy(logits, target).backward()
        assert all(p.grad is not None for p in training.parameters())

    def test_weights_carry_over_to_a_new_network(self, model, evaluated, seen):
        with torch.device("meta"):
            other = zoo.build(model, classes=CLASSES)
        other.load_state_dict(evaluated.state_dict(), assign=True)
        picture, logits = seen
        with torch.no_grad():
            assert torch.equal(other.eval()(picture), logits)

    @pytest.mark.filterwarnings(TRACE_IS_DEPRECATED)
    def test_can_be_traced_without_a_warning(self, evaluated, seen):
        picture, logits = seen
        with torch.no_grad():
            traced = torch.jit.trace(evaluated, image(17, 33), check_trace=False)
            assert distance(traced(picture), logits) < 1e-4

    def test_can_be_exported(self, evaluated, seen):
        picture, logits = seen
        with torch.no_grad():
            exported = torch.export.export(evaluated, (picture,)).module()
            assert distance(exported(picture), logits) < 1e-4

    def test_compiles_as_one_graph(self, evaluated, seen):
        torch.compiler.reset()
        picture, logits = seen
        with torch.no_grad():
            compiled = torch.compile(evaluated, backend="eager", fullgraph=True)
            assert distance(compiled(picture), logits) < 1e-4


class ZooContract(ModelContract):
    """Of the networks of the zoo: they say which images they cannot take."""

    def test_an_empty_image_is_refused_with_the_smallest(self, evaluated):
        with pytest.raises(zoo.InputSizeError) as caught:
            evaluated(image(0, 8))
        name = type(evaluated).__name__
        assert str(caught.value) == (
            f"{name} cannot take an empty image (1x3x0x8); the smallest is 1x3x1x1"
        )

    def test_a_grey_image_is_refused(self, evaluated):
        with pytest.raises(zoo.InputSizeError) as caught:
            evaluated(torch.zeros(1, 1, 8, 8))
        name = type(evaluated).__name__
        assert str(caught.value) == (
            f"{name} cannot take an input of shape 1x1x8x8; "
            "give images as batch x 3 x height x width"
        )


class AloneContract(ZooContract):
    """Of those that can train on one image, where it is large enough."""

    def test_trains_on_one_image_of_the_smallest_size(self, training):
        smallest = smallest_to_train_on_one(training)
        for size in {(smallest, 1), (1, smallest)}:
            assert training(image(*size)).shape == (1, CLASSES, *size)


class NormContract(ZooContract):
    """Of those with batch norm: as long as it trains, it needs two values per channel."""

    def test_frozen_batch_norm_trains_on_any_image(self, training):
        for module in training.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        assert training(image(2, 2)).shape == (1, CLASSES, 2, 2)


class MapNormContract(NormContract, AloneContract):
    """Of those whose batch norms all meet maps: one image to train on can be too small."""

    def test_one_image_too_small_to_train_on_is_refused(self, training):
        smallest = smallest_to_train_on_one(training)
        with pytest.raises(zoo.InputSizeError) as caught:
            training(image(smallest - 1, smallest - 1))
        assert str(caught.value) == (
            f"{type(training).__name__} cannot train on one image of {smallest - 1}x"
            f"{smallest - 1}: batch norm needs two values per channel; the smallest height or "
            f"width is {smallest}, or give two images"
        )


class PooledNormContract(NormContract):
    """Of those with a batch norm behind global pooling: none trains on one image of any size."""

    def test_one_image_to_train_on_is_refused(self, training):
        assert smallest_to_train_on_one(training) is None
        with pytest.raises(zoo.InputSizeError) as caught:
            training(image(64, 96))
        assert str(caught.value) == (
            f"{type(training).__name__} cannot train on one image: batch norm needs two values per "
            "channel, and a map pooled over the whole image has one; give two images"
        )

    def test_batch_norm_itself_refuses_one_image(self, training, monkeypatch):
        monkeypatch.setattr(sys.modules[type(training).__module__], "check_image", accept_any)
        with pytest.raises(ValueError, match="more than 1 value per channel"):
            training(image(64, 96))


def accept_any(network, image, **_):
    """Stand in for a network's look at its images, to see what comes of those that it refuses."""


def smallest_to_train_on_one(network):
    """Return the smallest height or width, by what a network says of an image of one pixel.

    None where it takes two images, of whatever size.
    """
    try:
        network(torch.empty(1, 3, 1, 1, device=next(network.parameters()).device))
    except zoo.InputSizeError as error:
        found = re.search(r"smallest height or width is (\d+)", str(error))
        return int(found[1]) if found else None
    return 1
