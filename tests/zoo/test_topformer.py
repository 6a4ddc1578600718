"""TopFormer-Tiny has the figures of its paper, and tokens that see each other."""

import pytest
import torch
from convolution_macs import count_conv_macs

import zoo


def params_of(network):
    return sum(parameter.numel() for parameter in network.parameters())


def on_meta(**options):
    with torch.device("meta"):
        return zoo.build("topformer-tiny", **options).eval()


# GFLOPs as the paper prints them, at 150 classes
@pytest.mark.parametrize(("side", "gflops"), [(512, 0.6), (448, 0.5)])
def test_the_paper_prints_these_parameters_and_operations(side, gflops):
    network = on_meta(classes=150)
    assert round(params_of(network) / 1e6, 1) == 1.4
    assert round(count_conv_macs(network, (1, 3, side, side)) / 1e9, 1) == gflops


def test_a_transformer_block_has_its_closed_form():
    # 208 = 16 + 32 + 64 + 96 channels of tokens; 4 heads of 16, 16 and 32; batch norm 2 a channel
    attention = 208 * (64 + 64 + 128) + 2 * (64 + 64 + 128) + 128 * 208 + 2 * 208
    feed_forward = 208 * 416 + 2 * 416 + (9 + 1) * 416 + 416 * 208 + 2 * 208
    assert params_of(on_meta(depth=5)) - params_of(on_meta(depth=4)) == attention + feed_forward


def test_a_head_of_attention_more_adds_its_closed_form():
    # in each of 4 blocks: 64 channels of queries, keys and values, each with batch norm; 32 back
    assert params_of(on_meta(heads=5)) - params_of(on_meta()) == 4 * (64 * (208 + 2) + 32 * 208)


@pytest.mark.parametrize(("token_stride", "expected"), [(64, (4, 5)), (32, (8, 10))])
def test_a_token_stands_for_a_square_of_the_image(token_stride, expected):
    network = on_meta(token_stride=token_stride)
    seen = []
    network.transformer.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].shape))
    network(torch.empty(1, 3, 225, 301, device="meta"))
    assert seen == [(1, 208, *expected)]


def test_attention_is_softmax_of_scaled_products():
    from zoo.topformer import Attention

    torch.manual_seed(0)
    attention = Attention(24, heads=2).eval()
    tokens = torch.rand(1, 24, 2, 3)
    query, key, value = (
        each(tokens)[0].reshape(2, -1, 6)
        for each in (attention.query, attention.key, attention.value)
    )
    found = torch.nn.functional.scaled_dot_product_attention(
        query.mT[None], key.mT[None], value.mT[None]
    )
    expected = attention.project(found[0].mT.reshape(1, 64, 2, 3))
    torch.testing.assert_close(attention(tokens), expected)


def test_tokens_of_one_corner_reach_the_other():
    torch.manual_seed(0)
    network = zoo.build("topformer-tiny", classes=3).eval()
    image = torch.rand(1, 3, 256, 256)
    other = image.clone()
    other[..., :8, :8] += 1
    with torch.no_grad():
        changed = (network(image) - network(other)).abs()[..., -64:, -64:]
    assert (changed > 0).float().mean() > 0.99  # rounding leaves single logits as they were
