"""Single precision is never silently another: what torch was told to use instead is read back."""

import pytest
import torch
from tasks import make_task

from segbench.errors import UsageError
from segbench.measurement.instruments.model_under_test import ModelUnderTest
from segbench.measurement.instruments.timing import TimingInstrument
from segbench.runtimes.single_precision import lowered_to

HAS_BF16 = torch.ops.mkldnn._is_mkldnn_bf16_supported()
needs_bf16 = pytest.mark.skipif(not HAS_BF16, reason="oneDNN has no bfloat16 on this CPU")


@pytest.fixture(autouse=True)
def _settings():
    kinds = torch.backends.mkldnn.conv, torch.backends.mkldnn.matmul
    before = [kind.fp32_precision for kind in kinds]
    yield
    torch.set_float32_matmul_precision("highest")
    for kind, precision in zip(kinds, before, strict=True):
        kind.fp32_precision = precision


def task(name, runtime="eager"):
    options = {"height": 16, "width": 24, "classes": 5}
    return make_task(
        f"nets_for_inference:{name}", runtime=runtime, allow=("nets_for_inference",), **options
    )


def said_of(name):
    return (
        f"network 'nets_for_inference:{name},classes=5' lets torch compute single precision in "
        "bfloat16, with torch.set_float32_matmul_precision or torch.backends; take that out of its "
        "code, and ask for bf16 with --precision bf16"
    )


def test_single_precision_is_itself_unless_somebody_says_otherwise():
    assert lowered_to() is None
    torch.backends.mkldnn.conv.fp32_precision = "ieee"
    assert lowered_to() is None


@pytest.mark.parametrize("kind", ["conv", "matmul"])
def test_what_torch_was_told_counts_where_the_cpu_has_it(kind):
    getattr(torch.backends.mkldnn, kind).fp32_precision = "bf16"
    assert lowered_to() == ("bfloat16" if HAS_BF16 else None)


@needs_bf16
def test_a_network_that_lowers_it_is_refused():
    tested = ModelUnderTest(task("LowersMatmul"))
    tested.prepare()
    with pytest.raises(UsageError) as caught:
        tested.infer()
    assert str(caught.value) == said_of("LowersMatmul")


@needs_bf16
@pytest.mark.parametrize("runtime", ["compile", "onnxruntime", "openvino"])
def test_engines_refuse_it_before_they_are_prepared(runtime):
    tested = ModelUnderTest(task("LowersMatmul", runtime))
    with pytest.raises(UsageError) as caught:
        tested.find_logits()
    assert str(caught.value) == said_of("LowersMatmul")


@needs_bf16
def test_a_network_that_lowers_it_while_it_is_timed_is_refused_at_the_end():
    instrument = TimingInstrument(task("LowersConvolutionsLate"))
    instrument.warm_up("inference")
    with pytest.raises(UsageError) as caught:
        instrument.state()
    assert str(caught.value) == said_of("LowersConvolutionsLate")
