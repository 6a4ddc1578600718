"""What autograd keeps until the backward pass, in bytes worked out by hand."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

import zoo
from segbench.measurement.counting.saved_activations import (
    _count_hollow,
    _count_kept,
    count_saved_activations,
)
from segbench.measurement.counting.stand_in import left_unchanged

IMAGES = torch.zeros(2, 3, 8, 8)
CHANNELS = 4
PLACES = 8 * 8
MAP = 2 * CHANNELS * PLACES * 4  # bytes of a map of 4 channels in single precision


def saved(*modules, images=IMAGES):
    return count_saved_activations(nn.Sequential(*modules), images)


def conv(before=CHANNELS, after=CHANNELS, kernel=3, **options):
    return nn.Conv2d(before, after, kernel, padding=kernel // 2, **options)


def stem():
    """From the picture to a map; by itself it keeps nothing."""
    return conv(3)


def applying(function):
    """A network of the stem, a function of its map, and nothing else."""

    class Applying(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = stem()

        def forward(self, images):
            return function(self.stem(images))

    return Applying()


class Asking(nn.Sequential):
    """Asks for a value of the picture, so that only a pass that computes will do."""

    def forward(self, images):
        return super().forward(images) if float(images.sum()) > 0 else images


@pytest.mark.parametrize("kernel", [1, 3])
def test_a_convolution_of_the_picture_keeps_the_picture_and_its_weights_which_do_not_count(kernel):
    assert saved(conv(3, kernel=kernel)) == 0


def test_a_view_of_the_picture_does_not_count():
    class Cropping(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = stem()

        def forward(self, images):
            return self.stem(images[:, :, 1:-1])

    assert saved(Cropping()) == 0


def test_what_a_relu_returns_counts_once_though_the_next_convolution_keeps_it_too():
    assert saved(stem(), nn.ReLU(), conv()) == MAP


def test_a_convolution_keeps_what_it_is_given_and_a_relu_in_place_has_no_memory_of_its_own():
    assert saved(stem(), conv()) == MAP
    assert saved(stem(), nn.ReLU(inplace=True), conv()) == MAP
    assert saved(stem(), nn.Identity(), nn.SiLU(), conv()) == 2 * MAP  # a SiLU keeps its input


def test_a_batch_norm_keeps_its_input_and_a_mean_and_a_deviation_for_each_channel():
    assert saved(stem(), nn.BatchNorm2d(CHANNELS)) == MAP + 2 * CHANNELS * 4
    assert saved(stem(), nn.BatchNorm2d(CHANNELS), conv()) == 2 * MAP + 2 * CHANNELS * 4


def test_a_batch_norm_that_is_frozen_keeps_no_mean_of_its_own():
    class Frozen(nn.BatchNorm2d):
        def train(self, mode=True):  # noqa: ARG002, FBT002
            return super().train(mode=False)

    assert saved(stem(), Frozen(CHANNELS)) == MAP


def test_a_max_pooling_keeps_its_input_and_eight_bytes_for_each_maximum():
    pooled = MAP // 4
    assert saved(stem(), nn.MaxPool2d(2)) == MAP + 2 * pooled
    assert saved(stem(), nn.MaxPool2d(2), conv()) == MAP + 2 * pooled + pooled


def test_dropout_keeps_a_number_for_each_element_or_channel_that_it_draws():
    assert saved(stem(), nn.Dropout()) == MAP
    assert saved(stem(), nn.Dropout2d()) == 2 * CHANNELS * 4


def test_a_depthwise_convolution_keeps_its_input_as_a_dense_one_does():
    assert saved(stem(), conv(groups=CHANNELS)) == MAP
    assert saved(stem(), conv(groups=CHANNELS), conv(kernel=1)) == 2 * MAP


def test_concatenation_crop_and_bilinear_upsampling_keep_nothing():
    def rearranged(features):
        joined = torch.cat((features, features), dim=1)[:, :, 1:-1, 1:-1]
        return functional.interpolate(joined, scale_factor=2, mode="bilinear")

    assert saved(applying(rearranged)) == 0


def test_a_crop_that_is_kept_counts_with_all_of_the_memory_that_it_is_a_view_of():
    assert saved(applying(lambda features: features[:, :, :2, :2].square())) == MAP


def test_two_views_of_one_memory_count_once():
    assert saved(applying(lambda features: features[:, :2] * features[:, 2:])) == MAP


def test_numbers_in_double_precision_take_twice_the_bytes():
    double = nn.Sequential(stem(), nn.ReLU()).double()
    assert count_saved_activations(double, IMAGES.double()) == 2 * MAP


def test_memory_format_changes_nothing():
    model = nn.Sequential(stem(), nn.BatchNorm2d(CHANNELS), nn.ReLU(), conv())
    expected = 2 * MAP + 2 * CHANNELS * 4
    assert count_saved_activations(model, IMAGES) == expected
    laid_out = model.to(memory_format=torch.channels_last)
    given = IMAGES.contiguous(memory_format=torch.channels_last)
    assert count_saved_activations(laid_out, given) == expected


def test_a_part_that_is_frozen_keeps_nothing_and_a_network_of_those_0():
    backbone = nn.Sequential(stem(), nn.ReLU(), conv(), nn.ReLU()).requires_grad_(
        requires_grad=False
    )
    assert saved(backbone) == 0
    assert saved(backbone, conv()) == MAP  # for the gradient of the last weights


def test_a_pass_without_gradient_keeps_nothing():
    def frozen(features):
        with torch.no_grad():
            return features.sigmoid().square()

    assert saved(applying(frozen)) == 0


def test_a_branch_whose_result_is_thrown_away_keeps_nothing():
    def wasteful(features):
        features.exp().sigmoid()
        return features.tanh()

    assert saved(applying(wasteful)) == MAP


@pytest.mark.parametrize("reentrant", [False, True])
def test_a_checkpoint_keeps_only_what_goes_into_it(reentrant):
    part = nn.Sequential(nn.Sigmoid(), nn.Tanh(), nn.Sigmoid())
    assert saved(stem(), part) == 3 * MAP

    def checkpointed(features):
        return checkpoint(part, features, use_reentrant=reentrant)

    assert saved(applying(checkpointed)) == MAP


def test_a_custom_function_keeps_what_it_saves_for_backward():
    class Gate(torch.autograd.Function):
        @staticmethod
        def forward(ctx, features):
            ctx.save_for_backward(features, features > 0)
            return features.clamp(min=0)

        @staticmethod
        def backward(ctx, gradient):
            return gradient * ctx.saved_tensors[1]

    assert saved(applying(Gate.apply)) == MAP + MAP // 4  # truth values take one byte each


def test_attention_keeps_what_the_kernel_of_a_cpu_keeps():
    def attend(features):
        tokens = features.flatten(2).transpose(1, 2).unsqueeze(1).contiguous()
        return functional.scaled_dot_product_attention(tokens, tokens, tokens)

    # the tokens, the result, and one number for each token: no matrix of 64 x 64
    assert saved(applying(attend)) == MAP + MAP + 2 * PLACES * 4


def test_a_network_that_asks_for_values_is_counted_as_it_computes():
    model = Asking(stem(), nn.Sigmoid())
    with pytest.raises(RuntimeError):
        _count_hollow(model, (torch.ones(2, 3, 8, 8),))
    assert count_saved_activations(model, torch.ones(2, 3, 8, 8)) == MAP
    assert count_saved_activations(model, torch.zeros(2, 3, 8, 8)) == 0  # on the other path


def test_a_sparse_tensor_that_is_kept_leaves_the_bytes_unknown():
    def mixed(features):
        return torch.sparse.mm(torch.eye(2).to_sparse(), features.flatten(1))

    assert saved(applying(mixed)) is None


def test_an_error_of_training_mode_reaches_the_caller():
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        saved(conv(3), nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(4), images=torch.zeros(1, 3, 8, 8))


@pytest.mark.parametrize("kind", [nn.Sequential, Asking])
def test_counting_leaves_the_model_as_it_was(kind):
    model = kind(stem(), nn.BatchNorm2d(CHANNELS), nn.Dropout())
    model[1].eval()
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    random_state = torch.get_rng_state()
    kept = count_saved_activations(model, torch.ones(2, 3, 8, 8))
    assert kept == MAP + 2 * CHANNELS * 4 + MAP  # the norm trained for the while
    assert [module.training for module in model.modules()] == [True, True, False, True]
    assert all(torch.equal(state[name], tensor) for name, tensor in model.state_dict().items())
    assert all(weight.grad is None for weight in model.parameters())
    assert torch.equal(torch.get_rng_state(), random_state)


# SegNet-Basic at 64x64 has four stages of 64 channels, and their mirror image.
STAGES = [64 * 64, 32 * 32, 16 * 16, 8 * 8]
POOLED = [places // 4 for places in STAGES]
SEGNET_BASIC = (
    64 * 4 * sum(STAGES) * 2  # encoder: results of convolution and norm (ReLU writes over these)
    + 64 * 8 * sum(POOLED)  # where the maxima were; the decoder keeps the same memory
    + 64 * 4 * sum(POOLED[:-1])  # the maxima, which the next convolution is given
    + 64 * 4 * sum(STAGES) * 2  # decoder: results of unpooling and convolution
    + 64 * 4 * STAGES[0]  # the last norm's result, which the classifier is given
    + 8 * 64 * 2 * 4  # mean and deviation of eight norms
)


@pytest.fixture(scope="module", params=zoo.models())
def network(request):
    return zoo.build(request.param, classes=22)


def test_segnet_basic_keeps_what_its_architecture_says():
    network = zoo.build("segnet-basic")
    assert count_saved_activations(network, torch.zeros(1, 3, 64, 64)) == SEGNET_BASIC


def test_twice_the_batch_keeps_twice_the_bytes_less_the_statistics_of_norms(network):
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    statistics = sum(2 * norm.num_features * 4 for norm in norms)
    # not one image: some networks have a batch norm behind global pooling
    two, four = (torch.zeros(batch, 3, 64, 64) for batch in (2, 4))
    kept = count_saved_activations(network, two)
    assert kept > 0
    assert count_saved_activations(network, four) == 2 * kept - statistics


def test_a_count_that_is_computed_on_other_content_is_the_same_integer(network):
    hollow = _count_hollow(network, (torch.zeros(2, 3, 64, 64),))
    assert _count_hollow(network, (torch.ones(2, 3, 64, 64),)) == hollow
    generator = torch.Generator().manual_seed(1)
    with left_unchanged(network):
        real = _count_kept(network.train(), (torch.rand((2, 3, 64, 64), generator=generator),))
    assert real == hollow
