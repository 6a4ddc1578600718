"""Attention, transformers, bilinear forms and complex numbers against integers worked out by hand.

B images, L queries, S keys, E numbers each, H heads: forward B L S E for queries with keys and as
many for scores with values; backward twice that.
"""

import pytest
import torch
from torch import nn
from torch.nn import functional

from segbench.measurement.counting import (
    count_backward,
    count_forward,
    count_forward_by_dispatch,
    count_traced_or_dispatched,
)
from segbench.measurement.counting.dispatched import DispatchCounter
from segbench.measurement.counting.operation_count import Tally

both_counters = pytest.mark.parametrize("count", [count_forward, count_forward_by_dispatch])
B, L, S, E, H = 2, 10, 14, 16, 4


class Attending(nn.Module):
    """Scaled dot product attention of linear maps of one input with those of another."""

    def __init__(self, **options):
        super().__init__()
        self.query = nn.Linear(E, E, bias=False)
        self.both = nn.Linear(E, E, bias=False)
        self.options = options

    def forward(self, left, right):
        query, key = self.query(left), self.both(right)
        return functional.scaled_dot_product_attention(query, key, key, **self.options)


def inputs(*leading):
    return torch.zeros(*leading, L, E), torch.zeros(*leading, S, E)


@both_counters
@pytest.mark.parametrize("leading", [(B,), (B, H)])
def test_attention_is_two_products_for_each_of_its_scores(count, leading):
    many = torch.Size(leading).numel()
    counted = count(Attending(), inputs(*leading))
    assert counted.macs == many * (L + S) * E * E + 2 * many * L * S * E
    scaled, softmax = many * (L + S) * E, 5 * many * L * S
    assert counted.flops == 2 * counted.macs + scaled + softmax
    assert counted.is_complete


@pytest.mark.parametrize("leading", [(B,), (B, H)])
def test_attention_backward_is_four_products_for_each_score(leading):
    many = torch.Size(leading).numel()
    counted = count_backward(Attending(), inputs(*leading))
    # The inputs want no gradient, so the linear layers have that of their weights alone.
    assert counted.macs == many * (L + S) * E * E + 4 * many * L * S * E
    assert counted.is_complete


@pytest.mark.parametrize("training", [False, True])
def test_the_fused_kernel_of_a_cpu_counts_as_its_parts_do(training):
    query = torch.zeros(B, H, L, E, requires_grad=training)
    key = torch.zeros(B, H, S, E, requires_grad=training)
    tally = Tally()
    with DispatchCounter(lambda: [tally]):
        found = functional.scaled_dot_product_attention(query, key, key)
        if training:
            found.backward(torch.ones_like(found))
    products = 2 + 4 * training
    assert tally.count().macs == products * B * H * L * S * E
    assert tally.count().is_complete


@both_counters
def test_a_mask_is_one_addition_for_each_score(count):
    plain = count(Attending(), inputs(B, H))
    masked = count(Attending(attn_mask=torch.zeros(L, S)), inputs(B, H))
    assert masked.flops - plain.flops == B * H * L * S
    assert masked.macs == plain.macs


@both_counters
def test_multi_head_attention_has_four_projections(count):
    counted = count(nn.MultiheadAttention(E, H, batch_first=True), (torch.zeros(B, L, E),) * 3)
    assert counted.macs == 4 * B * L * E * E + 2 * B * L * L * E
    assert counted.is_complete


FORWARD = 4 * B * L * E * E + 2 * B * L * L * E + 2 * B * L * E * 2 * E
INPUT_OF_THE_FIRST = 3 * B * L * E * E


def by_fast_path(module, *given):
    """Count a module on the CPU itself, where torch has an operator for all of it."""
    tally = Tally()
    with torch.no_grad(), DispatchCounter(lambda: [tally]):
        module.eval()(*given)
    return tally.count()


def test_the_fast_path_of_multi_head_attention_counts_as_its_parts_do():
    module = nn.MultiheadAttention(E, H, batch_first=True)
    tokens = torch.zeros(B, L, E)
    counted = by_fast_path(module, tokens, tokens, tokens)
    assert [share.operation for share in counted.by_operation] == ["attention"]
    assert counted.macs == 4 * B * L * E * E + 2 * B * L * L * E


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_the_fast_path_of_a_transformer_encoder_counts_as_its_parts_do(activation):
    layer = nn.TransformerEncoderLayer(E, H, 2 * E, activation=activation, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    tokens = torch.zeros(B, L, E)
    counted = by_fast_path(encoder, tokens)
    assert [share.operation for share in counted.by_operation] == ["attention"]
    assert counted.macs == 2 * FORWARD
    parts = count_forward(encoder, tokens)
    assert counted.flops == parts.flops


@both_counters
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_a_transformer_encoder_is_attention_and_two_linear_layers(count, batch_first, activation):
    layer = nn.TransformerEncoderLayer(E, H, 2 * E, activation=activation, batch_first=batch_first)
    tokens = torch.zeros(B, L, E) if batch_first else torch.zeros(L, B, E)
    counted = count(nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), tokens)
    assert counted.macs == 2 * FORWARD
    assert counted.is_complete


@pytest.mark.parametrize("norm_first", [True, False])
def test_a_transformer_encoder_backward_is_twice_forward_but_for_its_input(norm_first):
    layer = nn.TransformerEncoderLayer(E, H, 2 * E, batch_first=True, norm_first=norm_first)
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    counted = count_backward(encoder, torch.zeros(B, L, E))
    # With norms first the first projection's input has a gradient: that of the norm's weights.
    assert counted.macs == 2 * 2 * FORWARD - (0 if norm_first else INPUT_OF_THE_FIRST)
    assert counted.is_complete


@both_counters
def test_a_bilinear_form_has_a_mac_for_each_pair_and_output(count):
    form = nn.Bilinear(4, 5, 6)
    counted = count(form, (torch.zeros(B, 4), torch.zeros(B, 5)))
    pairs = B * 4 * 5 * 6
    assert counted.macs == pairs
    assert counted.flops == 3 * pairs + B * 6
    backward = count_backward(form, (torch.zeros(B, 4), torch.zeros(B, 5)))
    assert (backward.macs, backward.uncounted) == (pairs, ())


class Summed(nn.Module):
    def forward(self, start, left, right):
        return torch.addbmm(start, left, right)


@both_counters
def test_products_that_are_summed_over_the_batch_all_count(count):
    counted = count(Summed(), (torch.zeros(4, 6), torch.zeros(3, 4, 5), torch.zeros(3, 5, 6)))
    assert (counted.macs, counted.uncounted) == (3 * 4 * 5 * 6, ())


@pytest.mark.filterwarnings("ignore:.torch.jit")
def test_a_traced_convolution_counts_as_the_one_that_was_traced():
    images = torch.zeros(1, 3, 8, 8)
    traced = torch.jit.trace(nn.Conv2d(3, 4, 3, padding=1), images)
    for counted in (
        count_traced_or_dispatched(traced, images).count,
        count_backward(traced, images),
    ):
        assert (counted.macs, counted.uncounted) == (64 * 4 * 27, ())


@both_counters
def test_a_complex_convolution_is_the_three_real_ones_that_torch_runs(count):
    images = torch.zeros(1, 3, 8, 8, dtype=torch.complex64)
    convolution = nn.Conv2d(3, 4, 3, padding=1, bias=False, dtype=torch.complex64)
    assert count(convolution, images).macs == 3 * 64 * 4 * 27
    assert count_backward(convolution, images).macs == 3 * 64 * 4 * 27


@both_counters
def test_a_complex_product_is_four_real_ones_in_both_directions(count):
    rows = torch.zeros(5, 3, dtype=torch.complex64)
    linear = nn.Linear(3, 8, bias=False, dtype=torch.complex64)
    assert count(linear, rows).macs == 4 * 5 * 3 * 8
    assert count_backward(linear, rows).macs == 4 * 5 * 3 * 8


@both_counters
def test_complex_arithmetic_without_a_rule_is_listed(count):
    class Exponential(nn.Module):
        def forward(self, numbers):
            return torch.exp(numbers)

    counted = count(Exponential(), torch.zeros(4, dtype=torch.complex64))
    assert counted.uncounted == (("aten::exp", 1),)


ELEMENTS = 4 * 6 * 6
# name: (module, forward flops, backward flops), of an element
ACTIVATIONS = {
    "gelu": (nn.GELU(), 5, 11),
    "gelu by tanh": (nn.GELU("tanh"), 9, 18),
    "hardswish": (nn.Hardswish(), 5, 5),
    "hardsigmoid": (nn.Hardsigmoid(), 4, 3),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_of_modern_networks_follow_the_table(name):
    module, forward, backward = ACTIVATIONS[name]
    images = torch.zeros(1, 4, 6, 6)
    convolution = nn.Conv2d(4, 4, 1, bias=False)
    both = nn.Sequential(convolution, module)
    for count, each in ((count_forward, forward), (count_forward_by_dispatch, forward),
                        (count_backward, backward)):  # fmt: skip
        alone, together = count(convolution, images), count(both, images)
        assert together.flops - alone.flops == each * ELEMENTS
        assert together.is_complete


@pytest.mark.parametrize("norm", [nn.LayerNorm([4, 6, 6]), nn.GroupNorm(2, 4)])
def test_norms_of_modern_networks_are_13_backward_and_5_without_their_input(norm):
    images = torch.zeros(1, 4, 6, 6)
    assert count_backward(norm, images).flops == 5 * ELEMENTS
    both = nn.Sequential(nn.Conv2d(4, 4, 1, bias=False), norm)
    convolution = 2 * ELEMENTS * 4
    assert count_backward(both, images).flops == convolution + 13 * ELEMENTS
