"""Networks of torchvision, segmentation-models-pytorch and transformers, as they come.

They are skipped where those are not installed, as beside the torch of ``constraints.txt``.
"""

import pytest

from segbench.measurement.instruments.inspection import InspectionInstrument
from segbench.measurement.instruments.model_under_test import ModelUnderTest
from segbench.measurement.instruments.peak_memory import MemoryInstrument
from segbench.measurement.settings import Settings
from zoo.errors import OptionError

pytestmark = pytest.mark.filterwarnings("ignore")  # of libraries that are not ours

SIDE = 224
TORCHVISION = "torchvision.models.segmentation:{},weights=null,weights_backbone=null,num_classes=12"
SMP = 'segmentation_models_pytorch:{},encoder_name="resnet18",encoder_weights=null,classes=12'
SEGFORMER = "transformers:SegformerForSemanticSegmentation,num_labels=12"


def inspect(model, **given):
    task = Settings.of(threads=1, size=(SIDE, SIDE), **given).task(model)
    return InspectionInstrument(task).inspect(strict=False)


def test_lraspp_is_counted_without_anything_left_out():
    pytest.importorskip("torchvision")
    found = inspect(TORCHVISION.format("lraspp_mobilenet_v3_large"))
    assert (found["head"], found["classes"]) == ("out", 12)
    # torchvision's own figure at 21 classes, less 9 rows of the two classifiers (128 and 40 wide).
    assert found["params"] == 3_221_538 - 9 * (128 + 40 + 2)
    assert found["uncounted"] == {"forward": {}, "backward": {}}
    assert found["withheld"] == {}


@pytest.mark.parametrize(
    ("module", "model", "head"),
    [
        ("torchvision", TORCHVISION.format("deeplabv3_mobilenet_v3_large"), "out"),
        ("segmentation_models_pytorch", SMP.format("DeepLabV3Plus"), None),
    ],
)
def test_deeplab_cannot_be_trained_on_one_image_and_can_on_two(module, model, head):
    pytest.importorskip(module)
    found = inspect(model)
    assert (found["head"], found["classes"]) == (head, 12)
    assert found["macs"]["forward"] > 0
    assert found["withheld"]["training"].endswith("try --batch 2")
    assert inspect(model, batch=2)["withheld"] == {}


def test_unet_of_smp_is_given_the_classes_that_it_names():
    pytest.importorskip("segmentation_models_pytorch")
    found = inspect(SMP.format("Unet").removesuffix(",classes=12"), classes=7)
    assert (found["classes"], found["head"]) == (7, None)
    assert found["uncounted"] == {"forward": {}, "backward": {}}


WIDTHS, REDUCED = (32, 64, 160, 256), (8, 4, 2, 1)
KERNELS, STRIDES = (7, 3, 3, 3), (4, 2, 2, 2)
BLOCKS, DECODER, CLASSES = 2, 256, 12


def segformer_b0():
    """Return the MACs of SegFormer-B0 by hand, and those of its first convolution.

    Xie et al., NeurIPS 2021, table 6: B0 has two blocks a stage, and a decoder of 256.
    """
    macs, first, before, side = 0, 0, 3, SIDE
    sides = []
    for width, reduced, kernel, stride in zip(WIDTHS, REDUCED, KERNELS, STRIDES, strict=True):
        side //= stride
        sides.append(side)
        tokens, keys = side**2, (side // reduced) ** 2
        embedding = tokens * width * before * kernel**2
        first = first or embedding
        attention = (
            tokens * width**2  # queries
            + (keys * (width * reduced) ** 2 if reduced > 1 else 0)  # the reducing convolution
            + 2 * keys * width**2  # keys and values
            + 2 * tokens * keys * width  # scores, and what they weigh
            + tokens * width**2  # output
        )
        mixing = 2 * tokens * width * 4 * width + tokens * 4 * width * 9
        macs += embedding + BLOCKS * (attention + mixing)
        before = width
    quarter = sides[0] ** 2
    macs += sum(each**2 * width * DECODER for each, width in zip(sides, WIDTHS, strict=True))
    macs += quarter * 4 * DECODER * DECODER + quarter * DECODER * CLASSES
    return macs, first


def test_segformer_b0_is_counted_as_by_hand():
    pytest.importorskip("transformers")
    found = inspect(SEGFORMER)
    assert (found["head"], found["classes"]) == ("logits, stride 4, enlarged", CLASSES)
    forward, first = segformer_b0()
    assert found["macs"] == {"forward": forward, "backward": 2 * forward - first}
    assert found["uncounted"] == {"forward": {}, "backward": {}}
    kept = inspect(SEGFORMER, enlarge=False)
    assert kept["head"] == "logits, stride 4"
    assert found["flops"]["forward"] - kept["flops"]["forward"] == 7 * CLASSES * SIDE**2


def test_an_option_that_a_configuration_does_not_have_is_refused():
    pytest.importorskip("transformers")
    with pytest.raises(OptionError, match=r"'num_labls' .*did you mean 'num_labels'"):
        ModelUnderTest(
            Settings().task("transformers:SegformerForSemanticSegmentation,num_labls=12")
        )


@pytest.mark.measures
def test_a_foreign_network_is_weighed_with_its_head():
    pytest.importorskip("transformers")
    task = Settings.of(threads=1, size=(64, 64)).task(SEGFORMER)
    found = MemoryInstrument(task).measure()
    assert "withheld" not in found
