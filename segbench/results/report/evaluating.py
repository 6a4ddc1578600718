"""Report of an evaluation, by every protocol and class by class."""

from __future__ import annotations

from collections.abc import Iterator

from segbench import units
from segbench.results.candidate import EAGER
from segbench.results.evaluation import PROTOCOLS, Evaluation
from segbench.results.report.contents import Report, Table
from segbench.results.report.short_names import with_short_names
from zoo.spec import ModelSpec


def report_evaluation(evaluation: Evaluation) -> Report:
    """Say what an evaluation found."""
    quality = evaluation.qualities[evaluation.protocol]
    height, width = evaluation.size
    spec = ModelSpec.from_json(evaluation.model)
    runtime = None if evaluation.candidate is None else evaluation.candidate.runtime
    model = str(spec) if runtime in {None, EAGER} else f"{spec}@{runtime}"
    found = (
        f"{model}: mIoU {_share(quality.miou)}, "
        f"pixel accuracy {units.percent(quality.pixel_accuracy)} ({evaluation.protocol})"
    )
    where = (
        f"{evaluation.scenes:,} scenes of {evaluation.dataset}, {evaluation.split}, at "
        f"{height}x{width}, {evaluation.created}"
    )
    report = Report(
        headings=(found, where, *_about_runtime(evaluation)),
        tables=(_protocol_table(evaluation), _class_table(evaluation)),
        remarks=tuple(_about_parity(evaluation)),
    )
    return with_short_names(report, [model])


def _about_runtime(evaluation: Evaluation) -> Iterator[str]:
    """Say what a runtime computes with, and how far it is from eager."""
    candidate, parity, eager = evaluation.candidate, evaluation.parity, evaluation.eager
    if candidate is None or parity is None or eager is None:
        return
    version = f" {evaluation.runtime_version}" if evaluation.runtime_version else ""
    miou = _share(eager[evaluation.protocol].miou)
    yield (
        f"{candidate.runtime.name}{version} with {evaluation.dtype}; eager in float32 has mIoU "
        f"{miou}; {parity.describe()}"
    )


def _about_parity(evaluation: Evaluation) -> Iterator[str]:
    if evaluation.parity is not None and not evaluation.parity.is_right:
        yield f"wrong: {evaluation.parity.describe()}; its figures are of no use"


def _protocol_table(evaluation: Evaluation) -> Table:
    rows = tuple(
        (
            name,
            _share(quality.miou),
            units.percent(quality.pixel_accuracy),
            str(quality.left_out),
            units.count(quality.pixels),
        )
        for name, quality in evaluation.qualities.items()
    )
    caption = f"{evaluation.protocol}: {PROTOCOLS[evaluation.protocol]}"
    columns = ("protocol", "mIoU", "pixel accuracy", "left out", "pixels")
    return Table("by protocol", columns, rows, caption)


def _class_table(evaluation: Evaluation) -> Table:
    quality = evaluation.qualities[evaluation.protocol]
    names = (*evaluation.classes, "void")
    labelled = [sum(row) for row in evaluation.confusion]
    total = sum(labelled)
    rows = tuple(
        (name, _share(iou), units.percent(count / total if total else None))
        for name, iou, count in zip(names, quality.iou, labelled, strict=False)
    )
    return Table(f"by class ({evaluation.protocol})", ("class", "IoU", "share of pixels"), rows)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
