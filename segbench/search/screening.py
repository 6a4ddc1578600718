"""Time a few dozen networks of a study, and learn to predict what the others take from them."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from segbench.errors import UsageError
from segbench.kept_crews import KeptCrews
from segbench.rounds import IN_TURNS, Progress
from segbench.search.latency_model import LatencyModel
from segbench.search.space import Choice, Study, Values, narrowed
from segbench.search.timing import time_beside
from segbench.settings import Settings
from segbench.store import write_text

TIMED = 32  # networks, at most, to learn from
TOGETHER = 8  # in one round of processes, each in turns with the rival
NARROWEST = 0.4  # of the widths that are drawn

Ratio = tuple[Values, float]  # a choice, and how many times the rival its network takes


def draw_networks(study: Study, count: int, *, seed: int) -> list[dict[str, Choice]]:
    """Return choices spread over the space: drawn at random, as they are or narrowed.

    Networks that are drawn at random are all of about the same size, for their widths average out.
    """
    rng = random.Random(seed)  # noqa: S311 - no secret
    found: list[dict[str, Choice]] = []
    for _ in range(count):
        share = rng.uniform(NARROWEST, 1.0)
        found.append(narrowed(study.draw(rng), study.dimensions, share))
    return found


def time_networks(
    study: Study,
    networks: Sequence[Values],
    settings: Settings,
    *,
    rounds: int = 1,
    crews: KeptCrews | None = None,
    progress: Progress,
) -> list[Ratio]:
    """Measure networks in turns with the rival, some in each round of processes.

    Args:
        crews: see :func:`segbench.search.timing.time_beside`.

    Raises:
        UsageError: a network cannot be built.
        MeasurementError: a network failed, or its process died.
    """
    found: list[Ratio] = []
    together = math.ceil(len(networks) / math.ceil(len(networks) / TOGETHER))
    for start in range(0, len(networks), together):
        some = networks[start : start + together]
        progress(f"timing networks to predict others from: {start}", start, len(networks))
        timed = time_beside(
            [study.build(values) for values in some],
            study.rival,
            settings,
            least=rounds,
            most=rounds,
            sampling=IN_TURNS[0],  # longer, for most networks are timed in a single round
            crews=crews,
        )
        found += [(values, each.ratio) for values, each in zip(some, timed, strict=True)]
    return found


def learn(
    study: Study, ratios: Sequence[Ratio], settings: Settings, *, classes: int
) -> LatencyModel:
    """Return what predicts the ratio to the rival from a choice."""
    return LatencyModel.fit(partial(study.layers, size=settings.size, classes=classes), ratios)


def ratio_model(
    study: Study,
    settings: Settings,
    *,
    classes: int,
    kept: Path,
    crews: KeptCrews | None = None,
    progress: Progress,
    trials: int,
    measured: Sequence[Ratio] = (),
) -> Callable[[Values], float]:
    """Return what predicts ratios to the rival; what was timed for it is kept beside the search.

    Args:
        crews: see :func:`segbench.search.timing.time_beside`.
        trials: of the search; the fewer there are, the less a prediction may cost.
        measured: networks that were measured anyway, to learn from as well.

    Raises:
        UsageError: what was kept cannot be read, or is that of another study.
    """
    if kept.exists():
        ratios = _read(study, kept)
    else:
        count = max(min(trials, TIMED) - len(measured), TOGETHER)
        networks = draw_networks(study, count, seed=settings.seed)
        ratios = time_networks(study, networks, settings, crews=crews, progress=progress)
        write_text(kept, json.dumps(ratios, indent=1) + "\n", force=True)
    return learn(study, [*measured, *ratios], settings, classes=classes)


def _read(study: Study, path: Path) -> list[Ratio]:
    try:
        kept = json.loads(path.read_text())
        found: list[Ratio] = [(dict(values), float(ratio)) for values, ratio in kept]
        for values, _ in found:
            study.check(values)
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(
            f"cannot read {str(path)!r}: {error}; remove it, and the networks are timed again"
        ) from error
    return found
