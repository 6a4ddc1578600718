"""A run whose workers never were: its counts and times are made up, and so is its clock."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace

from made_up_results import MACHINE, QUIET, make_latencies, make_profile

from segbench.budgets.baseline import Baseline
from segbench.recording import Recording
from segbench.rounds import IN_TURNS
from segbench.runs import Run

ROUND_S = 10.0
BEFORE = "before"  # the tree of the other revision
CYCLES = 4  # of a contest in each round
BUSY = replace(QUIET, other_busy_cpus=1.0)
BUSY_REASON = "{0} of {0} rounds were disturbed; in the first, other processes kept 1.00 CPUs busy"
PHASES_OF = {"inference": ("forward",), "training": ("forward_train", "backward", "optimizer")}
Milliseconds = Callable[[int, int], float]


@dataclass
class Script:
    """What happens in a run, and what it was asked for.

    Attributes:
        times: milliseconds of a network's block, by round and its number in the round, or always.
        disturbance: of every block.
        classes, params, memory: what is counted of a network; 22, 1000 and 1000 if it is missing.
        cut_off: what is raised at the beginning of this round; None for the inspection.
        asked: the contests of each round, of each run.
    """

    times: dict[str, float | Milliseconds] = field(default_factory=dict)
    disturbance: object = QUIET
    classes: dict[str, int] = field(default_factory=dict)
    params: dict[str, int] = field(default_factory=dict)
    memory: dict[str, int | None] = field(default_factory=dict)
    round_s: float = ROUND_S
    counting_s: float = 0.0
    cut_off: tuple[int | None, BaseException] | None = None
    asked: list[list[list[tuple[int, ...]]]] = field(default_factory=list)
    weighed: list[list[int]] = field(default_factory=list)
    works: list[tuple[str, ...]] = field(default_factory=list)
    clock_s: float = 0.0

    def play(self, monkeypatch):
        """Let checks, baselines and the timings of a search be made of this."""
        for home in ("budgets.bench", "budgets.baselines", "search.timing"):
            monkeypatch.setattr(f"segbench.{home}.Run", lambda *a, **k: MadeUpRun(self, *a, **k))
        return self


class MadeUpRun(Run):
    """A run that follows a script."""

    def __init__(self, script, *arguments, **options):
        self.script = script
        super().__init__(*arguments, **options, environment=MACHINE)

    @property
    def elapsed_s(self):
        return self.script.clock_s

    def inspect(self, *, peaks=None):
        self.script.weighed.append(list(range(len(self.tasks)) if peaks is None else peaks))
        self.script.clock_s += self.script.counting_s
        self._cut_off(None)
        for task in self.tasks:
            name = name_of(task)
            params = self.script.params.get(name, 1000)
            self.inspections.append(
                {
                    "model": {"name": task.name, "options": task.options},
                    "classes": self.script.classes.get(name, 22),
                    "params": params,
                    "params_trainable": params,
                    "weights_bytes": 4 * params,
                    "macs": {"forward": 800, "backward": 1_600},
                    "flops": {"forward": 1_700, "backward": 3_400},
                    "uncounted_ops": {},
                    "saved_activations_bytes": None,
                    "count_method": "traced",
                    "subnormals": {"weights": 0, "activations": 0},
                }
            )
            peak = self.script.memory.get(name, 1000)
            self.memories.append({"forward_peak_bytes": peak, "train_peak_bytes": peak})

    def time(self, contests, *, most, seed, plan=IN_TURNS, more_arms=(), enough=None):
        del seed
        self.script.asked.append([])
        self.script.works.append(tuple(sampling.work for sampling in plan))
        self.arms = [*self.tasks, *more_arms]
        self.recordings = [Recording() for _ in self.arms]
        for number in range(most):
            self._cut_off(number)
            self.script.asked[-1].append(list(contests))
            for cycle in range(CYCLES * len(contests)):
                for arm in contests[cycle // CYCLES]:
                    for sampling in plan:
                        self._add_block(arm, sampling.work, number, cycle)
            self.script.clock_s += self.script.round_s
            self.progress(f"round {number + 1}", number + 1, most)
            if enough is not None and enough(number + 1):
                return

    def _add_block(self, arm, work, number, cycle):
        made_up = self.script.times[name_of(self.arms[arm])]
        ms = made_up(number, cycle) if callable(made_up) else made_up
        phases = PHASES_OF[work]
        recording = self.recordings[arm]
        if not recording.phases[phases[0]].first_calls_s:
            first = dict.fromkeys(phases, 0.2)
            recording.add_warm_up(
                {"first_call_s": first, "calls": 8, "steady": True}, round_number=number
            )
        reply = {
            "samples_s": {phase: [ms / 1000] * 2 for phase in phases},
            "minor_faults": {phase: [0, 0] for phase in phases},
            "disturbance": asdict(self.script.disturbance),
        }
        recording.add_block(reply, round_number=number, cycle=cycle)

    def _cut_off(self, number):
        if self.script.cut_off is not None and self.script.cut_off[0] == number:
            raise self.script.cut_off[1]


def name_of(task):
    """Return what a script calls a task: its name, or with the tree that it is of before it."""
    short = "reference" if task.name.startswith("segbench.reference:") else task.name
    return f"before {short}" if any(BEFORE in root for root in task.roots) else short


def make_baseline(*profiles, **changes):
    """Return segfast, whose forward takes 43 ms where the reference takes 21.5."""
    fields = {
        "profiles": profiles or (make_profile(),),
        "reference": make_latencies(0.5),
        "created": "2026-01-02T03:04:05Z",
    }
    return Baseline(**(fields | changes))
