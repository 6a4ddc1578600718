"""Importances of choices, by Optuna's PED-ANOVA over the trials trained to the end."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import optuna

MIN_TRIALS = 10  # with fewer there is no result


def importances(study: optuna.Study) -> Mapping[str, Mapping[str, float]]:
    """Return the share of each choice in what made trials good, for latency and for mIoU."""
    from optuna.importance import (
        PedAnovaImportanceEvaluator,
        get_param_importances,
    )
    from optuna.trial import TrialState

    if len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))) < MIN_TRIALS:
        return {}
    evaluator = PedAnovaImportanceEvaluator()
    with warnings.catch_warnings():
        # The warning is about lower targets counting as better; so mIoU is negated.
        warnings.filterwarnings("ignore", message="PedAnovaImportanceEvaluator computes")
        return {
            "latency_s": get_param_importances(
                study, evaluator=evaluator, target=lambda trial: trial.values[0]
            ),
            "miou": get_param_importances(
                study, evaluator=evaluator, target=lambda trial: -trial.values[1]
            ),
        }
