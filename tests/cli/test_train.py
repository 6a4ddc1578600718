"""``segbench train``, ``evaluate`` and ``runs`` as a user runs them."""

import json
import signal
import subprocess
import sys

import pytest
from commands import environment, segbench

SMALL = ("--size", "24x32", "--batch", "4")


def test_from_a_network_to_a_number_by_three_commands(rooms, command):
    folder = rooms.parent
    done = segbench(
        *("train", "nets_to_train:Small", "--dataset", "rooms", "--epochs", "3", *SMALL),
        folder=folder,
    )
    assert done.returncode == 0, done.stderr
    run = "runs/nets_to_train.Small-rooms-0"
    assert done.stdout == f"trained: {run} (evaluate it with: segbench evaluate {run})\n"
    lines = done.stderr.splitlines()
    assert [line.split(":")[0] for line in lines] == [f"epoch {n} of 3" for n in (1, 2, 3)]
    done = command("evaluate", run, "--output", "found.json", folder=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("nets_to_train:Small,classes=2: mIoU 0.")
    saved = json.loads((folder / "found.json").read_text())
    assert saved["schema"] == "segbench/evaluation/1"
    again = command("report", "found.json", folder=folder)
    assert again.stdout == done.stdout
    listed = command("runs", folder=folder)
    cells = "".join(listed.stdout.split())
    assert "3of3" in cells
    best = max(float(line.split("mIoU ")[1].split(",")[0]) for line in lines)
    assert f"{best:.4f}" in cells


def test_two_devices_train_one_network(rooms, command):
    folder = rooms.parent
    done = segbench(
        *("train", "nets_to_train:Small", "--dataset", "rooms", "--epochs", "4", *SMALL),
        *("--devices", "2", "--out", "run"),
        folder=folder,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "trained: run (evaluate it with: segbench evaluate run)\n"
    lines = [line for line in done.stderr.splitlines() if line.startswith("epoch")]
    assert [line.split(":")[0] for line in lines] == [f"epoch {n} of 4" for n in (1, 2, 3, 4)]
    # Every scene of validation was counted once, by either of the two.
    rows = (folder / "run" / "confusion.csv").read_text().splitlines()[1:]
    pixels = sum(int(cell) for row in rows for cell in row.split(",")[1:])
    assert pixels == 4 * 24 * 32
    best = max(float(line.split("mIoU ")[1].split(",")[0]) for line in lines)
    assert best > 0.6
    found = command("evaluate", "run", folder=folder)
    assert f"mIoU {best:.4f}" in found.stdout
    done = command(
        *("train", "nets_to_train:Small", "--dataset", "rooms", "--epochs", "4", *SMALL),
        *("--out", "run", "--resume"),
        folder=folder,
    )
    assert done.returncode == 2
    assert "devices differs (2, now 1)" in done.stderr


def test_ctrl_c_keeps_every_whole_epoch_and_says_how_to_go_on(rooms):
    folder = rooms.parent
    training = subprocess.Popen(
        [sys.executable, "-m", "segbench", "train", "nets_to_train:Small", "--dataset", "rooms",
         "--out", "run", *SMALL],
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert training.stderr.readline().startswith("epoch 1 of 200: loss ")
    training.send_signal(signal.SIGINT)
    _, errors = training.communicate(timeout=60)
    assert training.returncode == 130
    assert errors.splitlines()[-1] == (
        "segbench: interrupted; every whole epoch is in run, go on with --resume"
    )
    assert (folder / "run" / "history.csv").read_text().count("\n") >= 2


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("train", "segfst"), 2, "unknown model 'segfst'; did you mean 'segfast'?"),
        (("train", "segfast", "--dataset", "camvit"), 2, "unknown dataset 'camvit'"),
        (("train", "segfast", "--recipe", "modrn"), 2, "unknown recipe 'modrn'"),
        (("train", "segfast", "--size", "9"), 2, "size '9' is not HEIGHTxWIDTH"),
        (("train", "segfast", "--protocol", "lax"), 2, "'lax' is not one of"),
        (("train", "segfast", "--resume", "--out", "no"), 2, "'no' is no run"),
        (
            ("train", "nets_to_train:Explodes", "--dataset", "rooms", *SMALL),
            5,
            "the loss became nan",
        ),
        (("evaluate", "nowhere"), 2, "there is no checkpoint 'nowhere'"),
        (("evaluate", "rooms"), 2, "there is no checkpoint 'rooms/best.safetensors'"),
    ],
)
def test_what_cannot_be_is_one_line_and_the_right_exit_code(here, arguments, code, words):
    ended, _, errors = here(*arguments)
    assert ended == code
    last = errors.splitlines()[-1]
    assert last.startswith("segbench: ")
    assert words in last
    assert "Traceback" not in errors


def test_a_label_that_stands_for_no_class_is_named_before_training(rooms, here):
    (rooms / "classes.csv").write_text("name\nfloor\n")
    code, _, errors = here("train", "nets_to_train:Small", "--dataset", "rooms", *SMALL)
    assert code == 2
    assert "has the value 1 at row " in errors
    assert not (rooms.parent / "runs").exists()


def test_an_image_that_lost_its_label_is_left_out_and_named(rooms, command):
    lost = min((rooms / "train" / "labels").iterdir())
    lost.unlink()
    done = command(
        *("train", "nets_to_train:Small", "--dataset", "rooms", "--epochs", "1", *SMALL),
        folder=rooms.parent,
    )
    assert done.returncode == 0
    warning, epoch = done.stderr.splitlines()
    assert warning.startswith("segbench: ")
    assert lost.stem in warning
    assert "segbench data check rooms" in warning
    assert epoch.startswith("epoch 1 of 1: ")


@pytest.mark.parametrize("file", ["run.json", "history.csv", "speed.csv"])
def test_a_damaged_run_is_named_and_hides_no_other(rooms, here, file, command):
    for seed in ("0", "1"):
        here(
            *("train", "nets_to_train:Small", "--dataset", "rooms", "--epochs", "1", *SMALL),
            *("--seed", seed),
        )
    damaged = rooms.parent / "runs/nets_to_train.Small-rooms-1" / file
    damaged.write_text(damaged.read_text()[:-10].replace("epoch,", ""))
    done = command("runs", folder=rooms.parent)
    assert done.returncode == 0
    assert "rooms-0" in done.stdout
    assert "rooms-1" not in done.stdout
    (line,) = done.stderr.splitlines()
    assert str(damaged.relative_to(rooms.parent)) in line
    assert line.endswith("this run is left out")


def test_no_runs_are_said_to_be_none(tmp_path, command):
    done = command("runs", folder=tmp_path)
    assert done.stdout == "No runs in runs; train one with: segbench train segfast\n"


def test_the_papers_figures_stand_beside_those_of_every_seed(rooms, here):
    folder = rooms.parent
    asked = ("reproduce", "nets_to_train:Small", "--dataset", "rooms", "--epochs", "2", *SMALL)
    code, output, errors = here(*asked, "--seeds", "2", "--output", "found.csv")
    assert code == 0, errors
    assert output.startswith("1 network trained on rooms, recipe paper\n")
    header, *rows = (folder / "found.csv").read_text().splitlines()
    cells = [dict(zip(header.split(","), row.split(","), strict=True)) for row in rows]
    assert [(row["seed"], row["epochs"], row["paper.miou"]) for row in cells] == [
        ("0", "2", ""), ("1", "2", ""),
    ]  # fmt: skip
    for row in cells:
        history = folder / f"runs/reproduce/nets_to_train.Small-{row['seed']}/history.csv"
        assert row["miou"] in history.read_text()
    code, _, errors = here(*asked, "--seeds", "3")
    assert code == 0, errors
    assert errors.count("epoch 1 of 2: ") == 1  # the third seed's; the others were there


def test_the_figures_of_the_paper_are_found_by_network_and_dataset():
    from segbench.training.reproduce import _published

    assert _published("segfast", "camvid") == (0.8508, 0.5000)  # Tables 2 and 3
    assert _published("segfast", "streets") is None
    assert _published("segnet-basic", "camvid") is None
