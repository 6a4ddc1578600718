"""Which choices mattered, by Optuna's PED-ANOVA over the trials that were trained to the end."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import optuna

LEAST = 10  # trials; from fewer nothing can be told


def importances(study: optuna.Study) -> Mapping[str, Mapping[str, float]]:
    """Return for latency and mIoU the share that each choice has in what made trials good."""
    from optuna.importance import (  # noqa: PLC0415 - it takes a second
        PedAnovaImportanceEvaluator,
        get_param_importances,
    )
    from optuna.trial import TrialState  # noqa: PLC0415

    if len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))) < LEAST:
        return {}
    evaluator = PedAnovaImportanceEvaluator()
    with warnings.catch_warnings():
        # It reminds of taking a lower target for a better one; so mIoU is negated.
        warnings.filterwarnings("ignore", message="PedAnovaImportanceEvaluator computes")
        return {
            "latency_s": get_param_importances(
                study, evaluator=evaluator, target=lambda trial: trial.values[0]
            ),
            "miou": get_param_importances(
                study, evaluator=evaluator, target=lambda trial: -trial.values[1]
            ),
        }
