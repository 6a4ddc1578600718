"""Results in files: whole, atomic, and refused in one line where damaged."""

import errno
import json
import os
import stat
from dataclasses import replace

import pytest
from made_up_results import make_check, make_comparison, make_layers, make_profile

from segbench.errors import UsageError, WriteError
from segbench.files import check_writable, write_text
from segbench.results.profile import Latencies, Memory, Model
from segbench.results.store import from_json, load, save, to_json

RESULTS = {
    "profile": make_profile(),
    "profile with layers": make_profile(layers=make_layers()),
    "profile with options": make_profile(model=Model("mine:net", {"widths": [8, 16], "x": 0.5})),
    "profile of exact figures": make_profile(latency=Latencies(), memory=Memory(None, None)),
    "interrupted profile": make_profile(complete=False, supervisor_cpu_share=None),
    "comparison": make_comparison(),
    "check": make_check(),
    "interrupted check": make_check(verdict=None, judgements=(), noise=None, complete=False),
}


def refusal(text):
    with pytest.raises(UsageError) as caught:
        from_json(text, source="result 'a.json'")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def damaged(**changes):
    return json.dumps(json.loads(to_json(make_profile())) | changes)


@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
def test_a_result_reads_back_equal(result, tmp_path):
    save(result, tmp_path / "result.json")
    assert load(tmp_path / "result.json") == result
    assert load(str(tmp_path / "result.json")) == result


@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
def test_a_result_that_was_read_back_is_written_with_the_same_bytes(result):
    text = to_json(result)
    assert to_json(from_json(text, source="it")) == text


def test_the_schema_comes_first():
    assert next(iter(json.loads(to_json(make_profile())))) == "schema"
    assert json.loads(to_json(make_comparison()))["schema"] == "segbench/comparison/1"


def test_the_field_names_of_a_profile_are_those_that_were_agreed():
    found = json.loads(to_json(make_profile()))
    assert found["schema"] == "segbench/profile/1"
    assert {
        "model", "workload", "environment", "params", "weights_bytes", "macs", "flops",
        "uncounted_ops", "latency", "memory", "noise",
    } <= set(found)  # fmt: skip
    assert {"name", "options"} <= set(found["model"])
    assert {
        "batch", "channels", "height", "width", "classes", "dtype", "device", "runtime",
        "allocator", "threads",
    } <= set(found["workload"])  # fmt: skip
    assert {"requested", "effective_cpus", "oversubscribed", "intra_op", "inter_op"} <= set(
        found["workload"]["threads"]
    )
    assert {"forward", "forward_train", "backward", "optimizer"} == set(found["latency"])
    assert {"p50_s", "ci95_s", "first_call_s", "minor_faults_per_call", "samples_s"} <= set(
        found["latency"]["forward"]
    )
    assert {"forward_peak_bytes", "train_peak_bytes"} <= set(found["memory"])
    assert {"noisy", "reasons"} <= set(found["noise"])


def test_the_field_names_of_a_ratio_are_those_that_were_agreed():
    found = json.loads(to_json(make_comparison()))
    assert {"baseline", "profiles", "ratios"} <= set(found)
    assert {"model", "metric", "ratio", "ci95", "noise_floor", "paper"} <= set(found["ratios"][0])


def test_a_field_that_a_later_version_added_is_no_damage():
    assert from_json(damaged(watts=12.5), source="it") == make_profile()


def test_layers_of_before_engines_had_them_are_read():
    profile = make_profile(layers=make_layers())
    written = json.loads(to_json(profile))
    del written["layers"]["roof"]["dtype"]
    for row in written["layers"]["layers"]:
        del row["node"], row["exec_type"], row["dtype"]
    assert from_json(json.dumps(written), source="it") == profile


@pytest.mark.parametrize("keep", [0, 1, 100, 5_000])
def test_a_file_that_was_cut_off_is_refused_wherever_it_was_cut(keep):
    text = refusal(to_json(make_profile())[:keep])
    assert text.startswith("cannot read result 'a.json': not JSON (")


@pytest.mark.parametrize(
    ("text", "schema"),
    [
        (damaged(schema="segbench/profile/2"), "'segbench/profile/2'"),
        (damaged(schema="other/thing"), "'other/thing'"),
        (damaged(schema=None), "None"),
        ("{}", "None"),
        ("[1, 2]", "None"),
        ("3", "None"),
    ],
)
def test_a_schema_that_this_version_does_not_read_is_refused(text, schema):
    assert refusal(text) == (
        f"result 'a.json' is no result that this version reads: its schema is {schema} "
        "(schemas: segbench/profile/1, segbench/comparison/1, segbench/check/1, "
        "segbench/baseline/1, segbench/data/1, segbench/evaluation/1, segbench/reproduction/1, "
        "segbench/search/1, segbench/retraining/1, segbench/compression/1)"
    )


@pytest.mark.parametrize("schema", [["segbench/profile/1"], {"a": 1}])
def test_a_schema_that_is_no_text_is_refused_like_an_unknown_one(schema):
    assert "is no result that this version reads" in refusal(damaged(schema=schema))


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"params": "many"}, "params: input should be a valid integer"),
        ({"params": "12"}, "params: input should be a valid integer"),
        ({"macs": {"forward": 1}}, "macs.backward: field required"),
        ({"noise": None}, "noise: input should be an object"),
    ],
)  # fmt: skip
def test_a_damaged_field_is_named(changes, where):
    assert refusal(damaged(**changes)) == (f"result 'a.json' is damaged at {where} (1 such places)")


def test_a_damaged_field_deep_within_is_named_with_its_whole_path():
    fields = json.loads(to_json(make_comparison()))
    fields["profiles"][1]["latency"]["forward"]["samples_s"][2] = None
    assert refusal(json.dumps(fields)) == (
        "result 'a.json' is damaged at profiles.1.latency.forward.samples_s.2: "
        "input should be a valid number (1 such places)"
    )


def test_a_missing_field_is_damage_and_not_zero():
    fields = json.loads(to_json(make_profile()))
    del fields["params"]
    assert refusal(json.dumps(fields)) == (
        "result 'a.json' is damaged at params: field required (1 such places)"
    )


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UsageError) as caught:
        load(tmp_path / "none.json")
    path = str(tmp_path / "none.json")
    assert str(caught.value) == f"cannot read result {path!r}: no such file or directory"


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "a.json").write_bytes(b"\xff\xfd\x00")
    with pytest.raises(UsageError) as caught:
        load(tmp_path / "a.json")
    path = str(tmp_path / "a.json")
    assert str(caught.value) == f"cannot read result {path!r}: it is not text"


def test_an_existing_file_is_not_overwritten_without_force(tmp_path):
    path = tmp_path / "a.json"
    save(make_profile(), path)
    before = path.read_text()
    with pytest.raises(UsageError) as caught:
        save(replace(make_profile(), params=7), path)
    assert str(caught.value) == f"{str(path)!r} exists already; choose another name or add --force"
    assert path.read_text() == before
    save(replace(make_profile(), params=7), path, force=True)
    assert load(path).params == 7


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), None])
def test_a_write_that_fails_half_way_leaves_the_old_file_and_no_litter(
    error, tmp_path, monkeypatch
):
    path = tmp_path / "a.txt"
    path.write_text("the old text")
    failure = error or KeyboardInterrupt()

    def fail(_descriptor):
        raise failure

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises((WriteError, KeyboardInterrupt)) as caught:
        write_text(path, "the new text", force=True)
    if error:
        assert str(caught.value) == f"cannot write {str(path)!r}: no space left on device"
    else:
        assert caught.value is failure
    assert path.read_text() == "the old text"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_a_new_file_has_the_permissions_that_the_umask_leaves(tmp_path):
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "a.txt", "text", force=False)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o640
    assert (tmp_path / "a.txt").read_text() == "text"


def test_a_missing_folder_is_refused(tmp_path):
    path = tmp_path / "none" / "a.json"
    with pytest.raises(UsageError) as caught:
        check_writable(path, force=True)
    assert str(caught.value) == (
        f"cannot write {str(path)!r}: folder {str(path.parent)!r} does not exist"
    )


def test_a_folder_is_no_file_to_write_to(tmp_path):
    with pytest.raises(UsageError) as caught:
        check_writable(tmp_path, force=True)
    assert str(caught.value) == (
        f"cannot write {str(tmp_path)!r}: it is a folder; name a file in it"
    )


def test_a_folder_without_permission_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    path = tmp_path / "a.json"
    with pytest.raises(UsageError) as caught:
        check_writable(path, force=False)
    assert str(caught.value) == (f"cannot write {str(path)!r}: no permission in {str(tmp_path)!r}")
