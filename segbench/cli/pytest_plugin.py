"""The pytest plugin: limits as tests.

    def test_budget(segbench_check):
        segbench_check("segfast", "latency.forward.p50_s <= 0.3 * segnet")

Nothing of segbench is imported before a test asks for the fixture.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from segbench.results.check import Check

ALLOW = "--segbench-allow-inconclusive"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the plugin's one option."""
    parser.getgroup("segbench").addoption(
        ALLOW,
        action="store_true",
        help="skip, rather than fail, a test whose limit can be called neither kept nor exceeded",
    )


@pytest.fixture
def segbench_check(request: pytest.FixtureRequest) -> Callable[..., Check]:
    """Return a function that fails the test where a network exceeds a limit.

    Call it with a model, written as on the command line, and one or more limits. They are judged
    in one run, of two minutes at most for each other network that they name.
    """

    def judge(
        model: str,
        *limits: str,
        threads: int | None = None,
        batch: int = 1,
        size: tuple[int, int] = (224, 224),
        classes: int | None = None,
        max_time_s: float | None = None,
        seed: int = 0,
    ) -> Check:
        from segbench.budgets.budget import make_budget
        from segbench.budgets.check import check
        from segbench.budgets.pairs import ModelLimit
        from segbench.errors import SegbenchError
        from segbench.measurement.settings import Settings
        from zoo.errors import ZooError

        found: Check | str
        try:
            budget = make_budget(model, limits)
            settings = Settings.of(
                threads=threads, batch=batch, size=size, classes=classes, seed=seed
            )
            wanted = [ModelLimit(budget.model, placed.limit) for placed in budget.limits]
            found = check([(settings, wanted)], max_time_s=max_time_s)
        except (SegbenchError, ZooError) as error:
            found = f"segbench: {error}"
        if isinstance(found, str):  # one line that says all; tracebacks would hide it
            pytest.fail(found, pytrace=False)
        _raise_on(found, allow=bool(request.config.getoption(ALLOW)))
        return found

    return judge


def _raise_on(found: Check, *, allow: bool) -> None:
    """Fail, or skip, with the report of what is not within budget."""
    if found.verdict == "within":
        return
    from segbench.results.report import render

    text = render(found, "table")
    if found.verdict == "inconclusive" and allow:
        pytest.skip(text.splitlines()[0])
    pytest.fail(text, pytrace=False)
