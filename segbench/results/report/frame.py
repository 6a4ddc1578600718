"""Data frames of results: a row per model, layer or judgement, or per class of each split."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

import pandas as pd

from segbench.results.baseline import Baseline
from segbench.results.check import Check, Judgement
from segbench.results.compression import Compression
from segbench.results.dataset import DataFindings
from segbench.results.evaluation import Evaluation
from segbench.results.metrics import METRICS, phase_of
from segbench.results.profile import Comparison, Layers, Profile
from segbench.results.reproduction import Reproduction
from segbench.results.retraining import Retraining
from segbench.results.search import SearchResult, Trial
from segbench.results.workload import MeasuredWorkload
from zoo.spec import ModelSpec

WORKLOAD = tuple(field.name for field in fields(MeasuredWorkload) if field.name != "threads")
INTERVAL = ("interval_low", "interval_high")
RATIO_INTERVAL = ("ratio_low", "ratio_high")


def profile_frame(result: Profile) -> pd.DataFrame:
    """Return one row: workload, every metric, and what else there is.

    Columns keep the names of the JSON; seconds, bytes and counts as they were measured.
    """
    return pd.DataFrame([_row(result)])


def profiles_frame(result: Baseline) -> pd.DataFrame:
    """Return a row per network."""
    return pd.DataFrame([_row(profile) for profile in result.profiles])


def comparison_frame(result: Comparison) -> pd.DataFrame:
    """Return a row per network, with its ratios to the baseline."""
    rows = [_row(profile) for profile in result.profiles]
    for row in rows:
        row.update(_ratio_columns(result, row["model"]))
    return pd.DataFrame(rows)


def trials_frame(found: SearchResult) -> pd.DataFrame:
    """Return a row per trial, and whether it is on the front."""
    front = {trial.number for trial in found.front}
    rows = []
    for trial in found.trials:
        row = asdict(trial)
        row.update(zip(RATIO_INTERVAL, row.pop("ratio_ci95") or (None, None), strict=True))
        rows.append({**row, "on_front": trial.number in front})
    columns = [field.name for field in fields(Trial) if field.name != "ratio_ci95"]
    return pd.DataFrame(rows, columns=[*columns, *RATIO_INTERVAL, "on_front"])


def classes_frame(findings: DataFindings) -> pd.DataFrame:
    """Return a row per class of each split: its pixels, and those of void last."""
    rows = [
        {"dataset": findings.dataset, "split": split.split, "class": name, "pixels": pixels}
        for split in findings.splits
        for name, pixels in (*split.pixels.items(), ("void", split.void_pixels))
    ]
    return pd.DataFrame(rows, columns=["dataset", "split", "class", "pixels"])


def qualities_frame(evaluation: Evaluation) -> pd.DataFrame:
    """Return a row per protocol: its figures, and the IoU of each class."""
    names = [*evaluation.classes, "void"]
    rows = [
        {
            "model": str(ModelSpec.from_json(evaluation.model)),
            "dataset": evaluation.dataset,
            "split": evaluation.split,
            "protocol": name,
            "pixel_accuracy": quality.pixel_accuracy,
            "miou": quality.miou,
            "left_out": quality.left_out,
            "pixels": quality.pixels,
            **{f"iou.{each}": iou for each, iou in zip(names, quality.iou, strict=False)},
        }
        for name, quality in evaluation.qualities.items()
    ]
    return pd.DataFrame(rows)


def seeds_frame(found: Reproduction) -> pd.DataFrame:
    """Return a row per network and seed, the paper's figures beside it."""
    rows = []
    for row in found.rows:
        accuracy, miou = row.paper or (None, None)
        rows += [
            {
                "model": row.model,
                "dataset": found.dataset,
                "protocol": found.protocol,
                "recipe": found.recipe,
                "seed": seed,
                "pixel_accuracy": row.pixel_accuracy[place],
                "miou": row.miou[place],
                "best_epoch": row.best_epochs[place],
                "epochs": row.epochs[place],
                "train_s": row.train_s[place],
                "paper.pixel_accuracy": accuracy,
                "paper.miou": miou,
            }
            for place, seed in enumerate(row.seeds)
        ]
    return pd.DataFrame(rows)


def retrained_frame(found: Retraining) -> pd.DataFrame:
    """Return a row per network and seed."""
    rows = [
        {
            "trial": row.trial,
            "model": row.model,
            "dataset": found.dataset,
            "protocol": found.protocol,
            "recipe": found.recipe,
            "latency_s": row.latency_s,
            "searched_miou": row.searched_miou,
            "seed": seed,
            "miou": miou,
        }
        for row in found.rows
        for seed, miou in zip(found.seeds, row.miou, strict=True)
    ]
    return pd.DataFrame(rows)


def stages_frame(found: Compression) -> pd.DataFrame:
    """Return a row per stage."""
    rows = [
        {
            "step": stage.step,
            "model": stage.model,
            "dataset": found.dataset,
            "runtime": found.runtime,
            "params": stage.params,
            "size_bytes": stage.size_bytes,
            "latency_s": stage.latency_s,
            "ratio": stage.ratio,
            **{
                f"miou_{split}_{protocol}": miou
                for split, by_protocol in stage.miou.items()
                for protocol, miou in by_protocol.items()
            },
        }
        for stage in found.stages
    ]
    return pd.DataFrame(rows)


def layers_frame(layers: Layers) -> pd.DataFrame:
    """Return a row per leaf module."""
    return pd.DataFrame([{**vars(row)} for row in layers.layers])


def judgements_frame(check: Check) -> pd.DataFrame:
    """Return a row per judgement, and beside each what holds for the whole check."""
    machine = check.profiles[0].environment if check.profiles else None
    whole = {
        "budget": check.budget,
        "revision": check.revision and check.revision.name,
        "commit": check.revision and check.revision.commit,
        "noisy": check.noise and check.noise.noisy,
        "complete": check.complete,
        "created": check.created,
        "cpu_model": machine and machine.cpu_model,
        "torch": machine and machine.torch,
    }
    names = [
        name
        for field in fields(Judgement)
        for name in (INTERVAL if field.name == "interval" else (field.name,))
    ]
    rows = [{**_judgement_row(row), **whole} for row in check.judgements]
    return pd.DataFrame(rows, columns=[*names, *whole])


def _judgement_row(judgement: Judgement) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, value in asdict(judgement).items():
        if name == "interval":
            row.update(zip(INTERVAL, value or (None, None), strict=True))
        else:
            row[name] = value
    return row


def _row(profile: Profile) -> dict[str, Any]:
    row: dict[str, Any] = {"model": profile.label}
    row.update({name: getattr(profile.workload, name) for name in WORKLOAD})
    row["threads"] = profile.workload.threads.requested
    row["effective_cpus"] = profile.workload.threads.effective_cpus
    for metric in METRICS.values():
        row[metric.name] = metric.read(profile)
        if metric.phase is None:
            continue
        latency = phase_of(profile.latency, metric.phase)
        place = f"latency.{metric.phase}"
        low, high = (latency and latency.ci95_s) or (None, None)
        row[f"{place}.ci95_low_s"], row[f"{place}.ci95_high_s"] = low, high
        row[f"{place}.p90_s"] = latency and latency.p90_s
        row[f"{place}.first_call_s"] = latency and latency.first_call_s
        row[f"{place}.minor_faults_per_call"] = latency and latency.minor_faults_per_call
        row[f"{place}.samples"] = len(latency.samples_s) if latency else 0
    row["preparation.time_s"] = profile.preparation and profile.preparation.time_s
    row["head"] = profile.head
    row["noisy"] = profile.noise.noisy
    row["complete"] = profile.complete
    row["cpu_model"] = profile.environment.cpu_model
    row["torch"] = profile.environment.torch
    return row


def _ratio_columns(comparison: Comparison, model: str) -> dict[str, Any]:
    columns: dict[str, Any] = {"baseline": comparison.baseline}
    for ratio in comparison.ratios:
        if ratio.model == model:
            columns[f"ratio.{ratio.metric}"] = ratio.ratio
            low, high = ratio.ci95 or (None, None)
            columns[f"ratio.{ratio.metric}.ci95_low"] = low
            columns[f"ratio.{ratio.metric}.ci95_high"] = high
            low, high = ratio.noise_floor or (None, None)
            columns[f"ratio.{ratio.metric}.noise_floor_low"] = low
            columns[f"ratio.{ratio.metric}.noise_floor_high"] = high
            columns[f"ratio.{ratio.metric}.paper"] = ratio.paper
    return columns
