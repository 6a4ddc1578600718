"""LR-ASPP has the counts of torchvision's arrangement, and halved those of the paper."""

import pytest
import torch
from convolution_macs import count_conv_macs

import zoo

# torchvision's MobileNetV3 for 1000 classes, less the two linear layers that they are taken by
BACKBONE = {
    "large": 5_483_032 - (960 + 1) * 1280 - (1280 + 1) * 1000,
    "small": 2_542_856 - (576 + 1) * 1024 - (1024 + 1) * 1000,
}


def on_meta(**options):
    with torch.device("meta"):
        return zoo.build("lraspp-large", **options).eval()


def params_of(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_large_has_torchvisions_counts_at_21_classes():
    network = on_meta(classes=21)
    assert params_of(network) == 3_221_538
    assert round(count_conv_macs(network, (1, 3, 520, 520)) / 1e9, 3) == 2.086


@pytest.mark.parametrize(("backbone", "deepest", "at_8"), [("large", 960, 40), ("small", 576, 24)])
def test_head_is_what_the_backbone_leaves(backbone, deepest, at_8):
    filters, classes = 128, 19
    gated = 2 * deepest * filters + 2 * filters
    logits = (filters + 1) * classes + (at_8 + 1) * classes
    network = on_meta(backbone=backbone, classes=classes)
    assert params_of(network) == BACKBONE[backbone] + gated + logits


# section 6.4, at the 19 classes of Cityscapes: RF2, with F as it is said
@pytest.mark.parametrize(
    ("backbone", "filters", "millions"),
    [("large", 256, 1.63), ("large", 128, 1.51), ("small", 128, 0.47)],
)
def test_halved_it_has_the_millions_that_the_paper_prints(backbone, filters, millions):
    network = on_meta(backbone=backbone, filters=filters, halve_last=True, classes=19)
    assert round(params_of(network) / 1e6, 2) == millions


@pytest.mark.parametrize("backbone", ["large", "small"])
def test_the_last_block_stays_at_stride_16(backbone):
    network = on_meta(backbone=backbone)
    shallow = network.shallow(torch.empty(1, 3, 224, 224, device="meta"))
    assert shallow.shape[-2:] == (28, 28)
    assert network.deep(shallow).shape[-2:] == (14, 14)


def test_small_is_the_builder_with_the_small_backbone():
    with torch.device("meta"):
        small = zoo.build("lraspp-small")
    assert params_of(small) == params_of(on_meta(backbone="small"))


def test_an_unknown_backbone_is_refused_with_those_there_are():
    with pytest.raises(zoo.OptionError) as caught:
        zoo.build("lraspp-large", backbone="medium")
    assert str(caught.value) == (
        "option 'backbone' of model 'lraspp-large' must be 'large' or 'small', got 'medium'"
    )
