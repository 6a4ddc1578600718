"""What reports say of made-up results, by meaning and not by their bytes."""

import io
import json
import re
from dataclasses import replace

import pandas as pd
import pytest
from made_up_results import (
    THREADS,
    WORKLOAD,
    make_check,
    make_comparison,
    make_engine_layers,
    make_latencies,
    make_latency,
    make_layers,
    make_profile,
)
from rich.cells import cell_len

from segbench.results.candidate import Candidate
from segbench.results.check import Check
from segbench.results.metrics import METRICS
from segbench.results.profile import Latencies, Lowering, Memory, Model, Noise, Subnormals
from segbench.results.report import FORMATS, render
from segbench.results.report.contents import remarks_on
from segbench.results.store import to_json
from segbench.units import times

JUDGED = make_check().judgements
LONG_NAME = "mypackage.networks.segmentation:attention_refined"
SLOW = Latencies(forward=make_latency([[123456.0, 99999.0], [100000.0, 111111.0]], faults=204_000))
RESULTS = {
    "profile": make_profile(),
    "profile with layers": make_profile(layers=make_layers()),
    "profile with layers of an engine": make_profile(layers=make_engine_layers()),
    "profile of exact figures": make_profile(latency=Latencies(), memory=Memory(None, None)),
    "profile of a slow network": make_profile("fcn8s", latency=SLOW),
    "profile of a network with a long name": make_profile(LONG_NAME),
    "noisy profile": make_profile(noise=Noise(noisy=True, reasons=("a very busy machine",))),
    "comparison": make_comparison(),
    "interrupted comparison": make_comparison(complete=False, ratios=(), control=Latencies()),
    "check": make_check(),
    "check of a network with a long name": make_check(
        judgements=tuple(
            replace(judgement, model=LONG_NAME, limit=f"{judgement.limit} * {LONG_NAME}")
            for judgement in JUDGED
        )
    ),
    "interrupted check": make_check(
        verdict=None,
        judgements=tuple(replace(judgement, verdict=None) for judgement in JUDGED),
        complete=False,
    ),
}
ESCAPE = "\x1b["


@pytest.fixture(params=RESULTS.values(), ids=RESULTS)
def result(request):
    return request.param


def cells(line):
    """Return the cells of a table's line, which two or more blanks part."""
    return re.split(r"\s{2,}", line.strip())


def rows_of(markdown, title):
    """Return the cells of a Markdown table, by its first column, without its rule."""
    table = markdown.partition(f"### {title}\n\n")[2].partition("\n\n")[0]
    lines = [line.strip("|").split("|") for line in table.splitlines()]
    return {line[0].strip(): [cell.strip() for cell in line[1:]] for line in lines}


def formats_of(result):
    return [form for form in FORMATS if form != "junit" or isinstance(result, Check)]


def test_every_format_ends_with_one_line_break(result):
    for form in formats_of(result):
        text = render(result, form)
        assert text.endswith("\n")
        assert not text.endswith("\n\n")


@pytest.mark.parametrize("color", [False, True])
def test_a_table_is_never_wider_than_80_columns(result, color):
    drawn = re.sub(r"\x1b\[[0-9;]*m", "", render(result, "table", color=color))
    assert max(cell_len(line) for line in drawn.splitlines()) <= 80


def test_colours_are_there_if_and_only_if_they_are_asked_for(result, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert ESCAPE not in render(result, "table", color=False)
    assert ESCAPE in render(result, "table", color=True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert ESCAPE not in render(result, "table", color=False)


def test_colours_change_nothing_but_colours(result, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    plain = render(result, "table", color=False)
    stripped = re.sub(r"\x1b\[[0-9;]*m", "", render(result, "table", color=True))
    assert [line.rstrip() for line in stripped.splitlines()] == plain.splitlines()


def test_json_is_the_result_itself(result):
    assert render(result, "json") == to_json(result)


def test_a_profile_says_size_work_and_memory():
    lines = [cells(line) for line in render(make_profile(), "table").splitlines() if line]
    assert ["parameters", "603,288"] in lines
    assert ["weights", "2.30 MiB"] in lines  # 2,413,152 / 2**20
    assert ["MACs, forward / backward", "800 / 1.60 k"] in lines
    assert ["FLOPs, forward / backward", "1.70 k / 3.40 k"] in lines
    assert ["peak memory, inference", "10.0 MiB"] in lines
    assert ["peak memory, training step", "40.0 MiB"] in lines


def test_frozen_parameters_are_told_apart():
    drawn = render(make_profile(params_trainable=603_000), "table")
    assert "603,288 (288 frozen)" in drawn


def test_a_profile_says_the_median_of_each_phase_and_what_the_paper_has():
    rows = rows_of(render(make_profile(), "markdown"), "latency")
    columns = rows["phase"]
    assert columns[0] == "median"
    assert columns[-1] == "paper"
    assert [rows[phase][0] for phase in ("forward", "forward, training", "backward")] == [
        "43.0 ms", "86.0 ms", "129 ms",
    ]  # fmt: skip
    assert rows["optimizer step"][0] == "21.5 ms"
    assert rows["forward"][-1] == "389 ms"
    assert rows["backward"][-1] == "929 ms"
    assert rows["optimizer step"][-1] == "-"
    by_name = dict(zip(columns, rows["forward"], strict=True))
    assert by_name["p90"] == "-"  # 20 samples
    assert by_name["first"] == "200 ms"
    assert by_name["calls"] == "20"


def test_a_network_from_outside_the_zoo_has_no_column_of_the_paper():
    assert "paper" not in rows_of(render(make_profile("mine:net"), "markdown"), "latency")["phase"]


def test_a_profile_says_workload_and_machine():
    drawn = " ".join(render(make_profile(), "table").split())
    for words in (
        "1x3x224x224 of noise", "22 classes", "2 threads", "steady allocator",
        "Made-Up 9000", "2 effective CPUs", "torch 2.13.0", "2026-01-02T03:04:05Z",
    ):  # fmt: skip
        assert words in drawn


def test_a_comparison_names_every_runtime_thread_count_and_head():
    two = replace(WORKLOAD, threads=replace(THREADS, requested=1))
    texts = ("segfast", "segfast@openvino:bf16,head=argmax", "segfast@onnxruntime,threads=1")
    profiles = tuple(
        make_profile(
            candidate=Candidate.parse(text), workload=two if "threads" in text else WORKLOAD
        )
        for text in texts
    )
    comparison = make_comparison(profiles=profiles, ratios=(), baseline="segfast")
    assert (
        "1x3x224x224 of noise, 22 classes, cpu, eager, openvino:bf16 and onnxruntime, "
        "1 and 2 threads, heads logits and argmax, steady allocator"
    ) in render(comparison, "markdown")
    alone = make_profile(candidate=Candidate.parse("segfast@eager,head=argmax"))
    assert "cpu, eager, 2 threads, head argmax, steady" in render(alone, "markdown")


def test_a_picture_is_named_without_its_checksum():
    workload = replace(WORKLOAD, input="street.png sha256:0123abc", threads=THREADS)
    drawn = render(make_profile(workload=workload), "markdown")
    assert "1x3x224x224 from street.png, 22 classes" in drawn
    assert "0123abc" not in drawn


def test_layers_are_listed_with_their_shares_and_the_roof():
    rows = rows_of(
        render(make_profile(layers=make_layers()), "markdown"), "layers, most expensive first"
    )
    named = dict(zip(rows["layer"], rows["encoder.0.conv"], strict=True))
    assert named["time"] == "3.00 ms"
    assert named["share"] == "75.0 %"
    assert named["MACs"] == "9.00 M"
    assert named["output"] == "64x112x112"
    assert named["roof"] == "31 %"
    assert rows["head"][-2:] == ["-", "-"]


def test_a_comparison_says_ratios_beside_those_of_the_paper():
    rows = rows_of(render(make_comparison(), "markdown"), "times segfast")
    assert rows["model"] == ["forward", "paper", "backward", "paper", "params", "paper"]
    assert rows["fcn8s"] == ["8.00x (8.00-8.00)", "8.70x", "8.00x (8.00-8.00)", "5.63x", "223x",
                             "223x"]  # fmt: skip
    assert rows["segnet"] == ["4.00x (4.00-4.00)", "5.08x", "4.00x (4.00-4.00)", "3.50x", "48.8x",
                              "48.8x"]  # fmt: skip
    assert rows["segnet-basic"][1::2] == ["-", "-", "-"]
    assert "segfast" not in rows


def test_a_comparison_says_how_far_the_baseline_is_from_itself():
    assert "segfast against itself, forward: 1.010 - 1.010" in render(make_comparison(), "markdown")


def test_a_comparison_says_each_latency_with_its_interval():
    rows = rows_of(render(make_comparison(), "markdown"), "latency")
    assert rows["fcn8s"][0].startswith("344 ms ±")  # 8 x 43 ms
    assert set(rows) - {":--"} == {
        "model",
        "fcn8s",
        "segnet",
        "segnet-basic",
        "segfast-basic",
        "segfast",
    }


def test_the_models_of_a_comparison_are_named_in_a_table_of_80_columns():
    drawn = render(make_comparison(), "table")
    for name in ("fcn8s", "segnet", "segnet-basic", "segfast-basic", "segfast"):
        assert sum(cells(line)[0] == name for line in drawn.splitlines()) >= 2


def test_the_rows_of_every_markdown_table_have_equally_many_cells(result):
    tables = re.findall(r"(?:^\|.*\|$\n)+", render(result, "markdown"), re.MULTILINE)
    assert tables
    for table in tables:
        lines = table.splitlines()
        counts = {len(re.findall(r"(?<!\\)\|", line)) for line in lines}
        assert len(counts) == 1
        assert re.fullmatch(r"\|( :?-+:? \|)+", lines[1])


def test_a_bar_in_a_cell_is_no_new_cell():
    layers = make_layers()
    odd = replace(layers, layers=(replace(layers.layers[0], name="a|b"), layers.layers[1]))
    drawn = render(make_profile(layers=odd), "markdown")
    assert "| a\\|b |" in drawn


def test_csv_of_a_profile_reads_back_with_equal_numbers():
    profile = make_profile()
    frame = pd.read_csv(io.StringIO(render(profile, "csv")))
    assert len(frame) == 1
    row = frame.iloc[0]
    assert row["model"] == "segfast"
    for name, metric in METRICS.items():
        assert row[name] == metric.read(profile)
    low, high = profile.latency.forward.ci95_s
    assert row["latency.forward.ci95_low_s"] == low
    assert row["latency.forward.ci95_high_s"] == high
    assert row["latency.forward.samples"] == 20
    assert pd.isna(row["latency.forward.p90_s"])
    assert (row["threads"], row["height"], row["allocator"]) == (2, 224, "steady")
    assert not row["noisy"]


def test_csv_of_a_comparison_has_a_row_for_each_model_with_its_ratios():
    comparison = make_comparison()
    frame = pd.read_csv(io.StringIO(render(comparison, "csv"))).set_index("model")
    assert list(frame.index) == [profile.model.label for profile in comparison.profiles]
    for ratio in comparison.ratios:
        row = frame.loc[ratio.model]  # pandas may read the last digit of a float differently
        assert row[f"ratio.{ratio.metric}"] == pytest.approx(ratio.ratio, rel=1e-14)
        if ratio.paper is not None:
            assert row[f"ratio.{ratio.metric}.paper"] == pytest.approx(ratio.paper, rel=1e-14)
    assert pd.isna(frame.loc["segfast", "ratio.params"])
    assert set(frame["baseline"]) == {"segfast"}


def test_csv_of_what_is_unknown_is_empty_and_not_zero():
    profile = make_profile(latency=Latencies(), memory=Memory(None, None))
    row = pd.read_csv(io.StringIO(render(profile, "csv"))).iloc[0]
    assert pd.isna(row["latency.forward.p50_s"])
    assert pd.isna(row["memory.forward_peak_bytes"])


def test_layers_of_an_engine_are_listed_with_their_implementations():
    layers = make_profile(layers=make_engine_layers())
    rows = rows_of(render(layers, "markdown"), "layers, most expensive first")
    named = dict(zip(rows["layer"], rows["block2.0.expand3.3"], strict=True))
    assert named["kind"] == "GroupConvolutionBackpropData"
    assert named["implementation"] == "brgconv_avx512_1x1_bf16"
    assert "params" not in named
    reorder = dict(zip(rows["layer"], rows["block2.0.expand3.3/Reorder"], strict=True))
    assert (reorder["implementation"], reorder["MACs"], reorder["roof"]) == ("-", "-", "-")


def test_layers_of_an_engine_keep_their_implementations_in_80_columns():
    drawn = render(make_profile(layers=make_engine_layers()), "table", width=80)
    lines = drawn.splitlines()
    row = next(line for line in lines if line.startswith("block2.0.expand3.3 "))
    assert "brgconv_avx512_1x1_bf16" in row
    assert max(map(len, lines)) <= 80
    assert "Not shown in 80 columns: bytes, FLOP/B, output, kind;" in " ".join(drawn.split())
    assert "of bfloat16" in " ".join(drawn.split())


def test_csv_of_layers_has_a_row_for_each():
    layers = make_layers()
    frame = pd.read_csv(io.StringIO(render(make_profile(layers=layers), "csv")))
    assert list(frame["name"]) == ["encoder.0.conv", "head"]
    assert list(frame["time_s"]) == [layer.time_s for layer in layers.layers]
    assert frame["intensity"].isna().tolist() == [False, True]


def test_the_json_of_a_comparison_holds_every_raw_sample():
    found = json.loads(render(make_comparison(), "json"))
    assert all(len(p["latency"]["forward"]["samples_s"]) == 20 for p in found["profiles"])


def test_a_quiet_and_complete_profile_has_no_remarks():
    assert remarks_on(make_profile()) == ()


def test_what_a_runtime_was_given_is_remarked():
    lowering = Lowering(applied=("4 of these", "2 of those"), left=("1 other: padded",))
    assert remarks_on(make_profile(lowering=lowering)) == (
        "segfast: lowered: 4 of these; 2 of those",
        "segfast: left as it was: 1 other: padded",
    )
    assert remarks_on(make_profile(lowering=Lowering((), ()))) == ()


def test_oversubscription_is_remarked_once_however_many_networks_there_are():
    threads = replace(THREADS, requested=16, oversubscribed=True)
    workload = replace(WORKLOAD, threads=threads)
    text = (
        "oversubscribed: 16 threads on 2 effective CPUs; expect these latencies to be worse and "
        "less certain than with fewer threads"
    )
    assert remarks_on(make_profile(workload=workload)) == (text,)
    profiles = tuple(make_profile(name, workload=workload) for name in ("segnet", "segfast"))
    drawn = render(make_comparison(profiles=profiles, ratios=()), "markdown")
    assert drawn.count(text) == 1


def test_noise_is_remarked():
    noise = Noise(noisy=True, reasons=("2 of 4 rounds were disturbed; in the first, rain",))
    assert remarks_on(make_profile(noise=noise)) == (
        "segfast: noisy: 2 of 4 rounds were disturbed; in the first, rain",
    )


def test_subnormal_numbers_are_remarked_without_calling_the_machine_noisy():
    assert remarks_on(make_profile(subnormals=Subnormals(3, 7))) == (
        (
            "segfast: 3 weights and 7 activations are subnormal, which some CPUs compute many "
            "times more slowly"
        ),
    )


def test_operators_without_a_rule_are_remarked_with_their_calls():
    profile = make_profile(uncounted_ops={"aten::sort": 3, "aten::odd": 1})
    assert remarks_on(profile) == (
        (
            "segfast: operators without a counting rule, not in MACs or FLOPs: aten::odd (1), "
            "aten::sort (3)"
        ),
    )


def test_an_interrupted_profile_is_remarked():
    assert remarks_on(make_profile(complete=False)) == (
        "segfast: interrupted; what is shown was measured, the rest is missing",
    )


def test_remarks_are_in_tables_and_in_markdown():
    profile = make_profile(complete=False)
    words = "segfast: interrupted; what is shown was measured, the rest is missing"
    assert words in " ".join(render(profile, "table").split())
    assert words in render(profile, "markdown")


def test_a_network_with_a_long_name_leaves_its_figures_legible():
    profiles = (
        make_profile(LONG_NAME, factor=2.0, model=Model(LONG_NAME, {"attention_width": 128})),
        make_profile(),
    )
    comparison = make_comparison(profiles=profiles, control=make_latencies())
    drawn = render(comparison, "table")
    assert "86.0 ms" in drawn  # in one piece, not a digit a line
    assert "2.30 MiB" in drawn


def test_no_column_is_lost_where_ratios_and_their_intervals_are_long():
    given = make_comparison()
    long = tuple(
        replace(ratio, ratio=ratio.ratio / 3e2, ci95=(1.234e-3, 5.678e-3)) if ratio.ci95 else ratio
        for ratio in given.ratios
    )
    params = next(ratio.ratio for ratio in given.ratios if ratio.metric == "params")
    drawn = render(replace(given, ratios=long), "table")
    ratios = drawn.partition("times segfast")[2]
    assert max(map(len, drawn.splitlines())) <= 80
    assert ratios.count("paper") >= 3
    assert times(params) in ratios
    assert "(0.00123-0.00568)" in ratios
