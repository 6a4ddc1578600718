"""One limit: what it demands, how it is written, and what is refused."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from segbench.budgets.limits import BASELINE, REFERENCE, Limit
from segbench.errors import UsageError
from segbench.results.metrics import METRICS

FORWARD = "latency.forward.p50_s"
TIMES = f"(units of '{FORWARD}': s, ms, us, ns"
BYTES = "(units of 'weights_bytes': B, KiB, MiB, GiB, kB, MB, GB"
COUNTS = "(units of 'params': none, k, M, G, T"
MULTIPLE = "; a multiple is written '0.25 * MODEL')"
ZOO = "segfast-basic", "segnet", "mypkg.nets:tiny,width=24", 'mypkg.nets:tiny,note="a + 5 %"'


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("params <= 603_288", 603_288),
        ("params<=603288", 603_288),
        ("  params   <=   12  ", 12),
        ("params <= 1.5k", 1_500),
        ("macs.forward <= 780 M", 780_000_000),
        ("macs.forward <= 62.9G", 62_900_000_000),
        ("flops.backward <= 2 T", 2_000_000_000_000),
        ("macs.forward <= 7.8e8", 780_000_000),
        ("macs.forward <= 1E+3 k", 1_000_000),
        ("params <= .5 M", 500_000),
        ("params <= 5. k", 5_000),
        ("weights_bytes <= 12 B", 12),
        ("weights_bytes <= 1.5 KiB", 1_536),
        ("weights_bytes <= 2 MiB", 2_097_152),
        ("memory.train_peak_bytes <= 1 GiB", 1_073_741_824),
        ("weights_bytes <= 2 kB", 2_000),
        ("weights_bytes <= 2.4 MB", 2_400_000),
        ("weights_bytes <= 3 GB", 3_000_000_000),
        (f"{FORWARD} <= 2 s", 2),
        (f"{FORWARD} <= 40ms", 0.04),
        (f"{FORWARD} <= 37.3 ms", 0.0373),  # 37.3 * 1e-3 is another float
        ("latency.optimizer.p50_s <= 250 us", 0.00025),
        ("latency.backward.p50_s <= 7 ns", 7e-9),
        (f"{FORWARD} <= 0", 0),
        ("weights_bytes <= 0.0", 0),
    ],
)
def test_a_figure_is_read_into_seconds_bytes_and_counts(text, bound):
    limit = Limit.parse(text)
    assert (limit.bound, limit.to, limit.tolerance) == (bound, None, 0)
    assert limit.text == text.strip()


@pytest.mark.parametrize(
    ("text", "factor", "to"),
    [
        (f"{FORWARD} <= 0.25 * segnet", 0.25, "segnet"),
        (f"{FORWARD} <= 0.3 x segnet", 0.3, "segnet"),
        (f"{FORWARD} <= 0.3x segnet", 0.3, "segnet"),
        (f"{FORWARD} <= 0.3*segnet", 0.3, "segnet"),
        (f"{FORWARD} <= 2 * xception", 2, "xception"),
        (f"{FORWARD} <= 2 * x", 2, "x"),
        (f"{FORWARD} <= 0.5 * mypkg.nets:tiny,width=24", 0.5, "mypkg.nets:tiny,width=24"),
        (f"{FORWARD} <= 0.5 * tiny,rate=1e+5", 0.5, "tiny,rate=1e+5"),
        (f"{FORWARD} <= 0.5 * nets/a small one.json,classes=2", 0.5,
         "nets/a small one.json,classes=2"),
        (f"{FORWARD} <= 0.6 * segfast@eager", 0.6, "segfast@eager"),
        (f"{FORWARD} <= 0.6x segfast,classes=2@openvino:bf16,head=argmax", 0.6,
         "segfast,classes=2@openvino:bf16,head=argmax"),
        (f'{FORWARD} <= 0.6 * tiny,note="a@b"@eager,threads=2', 0.6,
         'tiny,note="a@b"@eager,threads=2'),
        (f"{FORWARD} <= 0.6 * nets/small.json@openvino", 0.6, "nets/small.json@openvino"),
        (f"{FORWARD} <= 1.02 * baseline", 1.02, BASELINE),
        ("params <= 1.02 * baseline", 1.02, BASELINE),
        (f"{FORWARD} <= 2 * reference", 2, REFERENCE),
        ("params <= 1_0e-1 * segnet", 1, "segnet"),
    ],
)  # fmt: skip
def test_a_multiple_names_what_it_is_of(text, factor, to):
    limit = Limit.parse(text)
    assert (limit.factor, limit.to, limit.tolerance, limit.bound) == (factor, to, 0, factor)


@pytest.mark.parametrize(
    ("text", "tolerance", "bound"),
    [
        (f"{FORWARD} <= 40 ms + 5 %", 0.05, 0.042),
        (f"{FORWARD} <= 40 ms+5%", 0.05, 0.042),
        (f"{FORWARD} <= 0.5 * segnet + 10 %", 0.1, 0.55),
        ("memory.forward_peak_bytes <= 100 MB + 2.5 %", 0.025, 102_500_000),
        ("params <= 100 + 15 %", 0.15, 115),  # 100 * 1.15 is 114.99999999999999 in floats
        ("params <= 1e+2 + 7 %", 0.07, 107),  # 100 * 1.07 is 107.00000000000001 in floats
        ("params <= 12 + 0 %", 0, 12),
    ],
)
def test_a_tolerance_in_percent_is_added_to_the_bound(text, tolerance, bound):
    limit = Limit.parse(text)
    assert (limit.tolerance, limit.bound) == (tolerance, bound)


@pytest.mark.parametrize(
    "name",
    [
        'tiny,note="a + 5 %"',
        "c++.json",
        "segfast@eager",
        "segfast@onnxruntime:fp32,head=argmax",
        'tiny,note="@ + 5 %"@eager',
    ],
)
def test_a_plus_within_a_models_text_is_no_tolerance(name):
    limit = Limit.parse(f"{FORWARD} <= 2 * {name}")
    assert (limit.to, limit.tolerance) == (name, 0)
    limit = Limit.parse(f"{FORWARD} <= 2 * {name} + 3 %")
    assert (limit.to, limit.tolerance) == (name, 0.03)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("params <= 5", "exact"),
        ("memory.forward_peak_bytes <= 5 MiB + 2 %", "exact"),
        ("params <= 0.5 * segnet", "exact"),
        ("params <= 1 * baseline", "exact"),
        (f"{FORWARD} <= 40 ms", "absolute"),
        (f"{FORWARD} <= 2 * reference", "absolute"),
        (f"{FORWARD} <= 0.25 * segnet", "relative"),
        (f"{FORWARD} <= 1.02 * baseline", "relative"),
    ],
)
def test_the_kind_of_a_limit_follows_from_its_metric_and_what_it_is_relative_to(text, kind):
    assert Limit.parse(text).kind == kind


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("params<=603_288", "params <= 603288"),
        ("macs.forward <= 780 M", "macs.forward <= 780000000"),
        (f"{FORWARD} <= 40 ms + 5 %", f"{FORWARD} <= 0.04 s + 5 %"),
        ("weights_bytes <= 2 KiB+2.5%", "weights_bytes <= 2048 B + 2.5 %"),
        (f"{FORWARD} <= 0.3x segnet", f"{FORWARD} <= 0.3 * segnet"),
        (f"{FORWARD} <= 2 * reference + 100 %", f"{FORWARD} <= 2 * reference + 100 %"),
    ],
)
def test_the_text_form_is_in_the_base_unit(text, canonical):
    assert str(Limit.parse(text)) == canonical


def test_limits_are_equal_where_they_demand_the_same():
    assert Limit.parse(f"{FORWARD} <= 40 ms") == Limit.parse(f"{FORWARD} <= 0.04 s")
    assert Limit.parse(f"{FORWARD} <= 40 ms") != Limit.parse(f"{FORWARD} <= 40 ms + 1 %")
    assert Limit.parse("params <= 1 * segnet") != Limit.parse("params <= 1")
    assert len({Limit.parse("params <= 1 k"), Limit.parse("params <= 1000")}) == 1


@given(
    name=st.sampled_from(sorted(METRICS)),
    factor=st.floats(1e-300, 1e300) | st.integers(1, 2**53).map(float),
    to=st.sampled_from(
        [None, BASELINE, REFERENCE, *ZOO, "segfast@eager", "segfast@openvino:bf16,head=argmax"]
    ),
    tolerance=st.floats(0, 100) | st.integers(0, 100).map(lambda percent: percent / 100),
)
def test_the_text_of_a_limit_reads_back_as_the_limit(name, factor, to, tolerance):
    assume(to != REFERENCE or METRICS[name].phase is not None)
    limit = Limit("", METRICS[name], factor, to, tolerance)
    again = Limit.parse(str(limit))
    assert again == limit
    assert str(again) == again.text == str(limit)


@given(st.text() | st.text("params<=0123456789.eE+-_%*x kMGTB").map("params <= {}".format))
def test_any_text_is_read_or_refused_in_one_line(text):
    try:
        limit = Limit.parse(text)
    except UsageError as error:
        said = str(error)
    else:
        said = str(limit)
        assert Limit.parse(said) == limit
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "it has no '<='; write it as in 'params <= 603_288'"),
        ("params", "it has no '<='; write it as in 'params <= 603_288'"),
        ("params < 5", "'<' is not known here; less of every metric is better, so write '<='"),
        ("params == 5", "'==' is not known here; less of every metric is better, so write '<='"),
        ("params >= 5", "'>=' is not known here; less of every metric is better, so write '<='"),
        ("params ≤ 5", "'≤' is not known here; less of every metric is better, so write '<='"),
        ("parms <= 5", ("unknown metric 'parms'; did you mean 'params'? "
         f"(metrics: {', '.join(METRICS)})")),
        ("<= 5", f"unknown metric '' (metrics: {', '.join(METRICS)})"),
        ("params <=", ("'' does not begin with a number of 0 or more; write as in '<= 40 M' or "
         "'<= 0.25 * segnet'")),
        (f"{FORWARD} <= -5 ms", ("'-5 ms' does not begin with a number of 0 or more; write as in "
         "'<= 40 ms' or '<= 0.25 * segnet'")),
        ("weights_bytes <= inf", ("'inf' does not begin with a number of 0 or more; write as in "
         "'<= 40 MiB' or '<= 0.25 * segnet'")),
        (f"{FORWARD} <= segnet * 0.25", ("'segnet * 0.25' does not begin with a number of 0 or "
         "more; write as in '<= 40 ms' or '<= 0.25 * segnet'")),
        (f"{FORWARD} <= 40", f"40 has no unit; write one, as in '40 ms' {TIMES})"),
        ("weights_bytes <= 2_413_152", ("2_413_152 has no unit; write one, as in "
         f"'40 MiB' {BYTES})")),
        (f"{FORWARD} <= 40 MiB", f"'MiB' is a unit of bytes {TIMES})"),
        ("weights_bytes <= 40 M", f"'M' is a unit of counts {BYTES})"),
        ("params <= 40 ms", f"'ms' is a unit of times {COUNTS})"),
        (f"{FORWARD} <= 40 msec", f"unknown unit 'msec'; did you mean 'ms'? {TIMES}{MULTIPLE}"),
        ("weights_bytes <= 2 mib", f"unknown unit 'mib'; did you mean 'MiB'? {BYTES}{MULTIPLE}"),
        ("params <= 4 m", f"unknown unit 'm'; did you mean 'M'? {COUNTS}{MULTIPLE}"),
        (f"{FORWARD} <= 0.25 segnet", f"unknown unit 'segnet' {TIMES}{MULTIPLE}"),
        (f"{FORWARD} <= 1 * ", "a multiple of nothing; name a model, 'baseline' or 'reference'"),
        (f"{FORWARD} <= 1 x", "a multiple of nothing; name a model, 'baseline' or 'reference'"),
        (f"{FORWARD} <= 0 * segnet", "0 times a figure is 0; give a multiple above 0"),
        ("params <= 2 * reference", ("the reference workload has a latency and no 'params'; "
         "give a number, or a multiple of a model or of 'baseline'")),
        (f"{FORWARD} <= 2 * tiny,width", ("cannot read model 'tiny,width': option 'width' has no "
         "value; write width=VALUE")),
        (f"{FORWARD} <= 40 ms + 5", "a tolerance is in percent; write '+ 5 %'"),
        (f"{FORWARD} <= 2 * segnet + 5", "a tolerance is in percent; write '+ 5 %'"),
        ("params <= 1e999", "its number is too large"),
        ("params <= 1e308 + 900 %", "its number is too large"),
        ("params\n<= 5", ("it holds line breaks or characters that do not print; write one line")),
    ],
)  # fmt: skip
def test_what_is_no_limit_is_refused(text, wrong):
    with pytest.raises(UsageError) as caught:
        Limit.parse(text)
    assert str(caught.value) == f"cannot read limit {text.strip()!r}: {wrong}"


def test_a_models_file_is_not_read_yet(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Limit.parse(f"{FORWARD} <= 2 * absent.json").to == "absent.json"
