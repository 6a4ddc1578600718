"""A run whose workers never were: its counts and times are made up, and so is its clock."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace

from made_up_results import MACHINE, QUIET, make_latencies, make_profile

from segbench.measurement.recording import Recording
from segbench.measurement.run import Run
from segbench.measurement.schedule import IN_TURNS
from segbench.results.baseline import Baseline

ROUND_S = 10.0
BEFORE = "before"  # the tree of the other revision
CYCLES = 4  # of a pair in each round
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
        asked: the pairs of each round, of each run.
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
        for home in ("budgets.limit_run", "budgets.baselines", "search.latency"):
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
                    "model": {"name": task.network.name, "options": dict(task.network.options)},
                    "classes": self.script.classes.get(name, 22),
                    "params": params,
                    "params_trainable": params,
                    "weights_bytes": 4 * params,
                    "macs": {"forward": 800, "backward": 1_600},
                    "flops": {"forward": 1_700, "backward": 3_400},
                    "uncounted": {"forward": {}, "backward": {}},
                    "dtype": "float32",
                    "head": None,
                    "remarks": [],
                    "withheld": {},
                    "saved_activations_bytes": None,
                    "filled": 0,
                    "count_method": "traced",
                    "subnormals": {"weights": 0, "activations": 0},
                }
            )
            peak = self.script.memory.get(name, 1000)
            self.memories.append(
                {
                    "preparation_peak_bytes": 0,
                    "prepare_s": 0.001,
                    "forward_peak_bytes": peak,
                    "train_peak_bytes": peak,
                }
            )

    def time(self, pairs, *, most, seed, plan=IN_TURNS, more_candidates=(), enough=None):
        del seed
        self.script.asked.append([])
        self.script.works.append(tuple(sampling.work for sampling in plan))
        self.candidates = [*self.tasks, *more_candidates]
        self.recordings = [Recording() for _ in self.candidates]
        for number in range(most):
            self._cut_off(number)
            self.script.asked[-1].append(list(pairs))
            for cycle in range(CYCLES * len(pairs)):
                for candidate in pairs[cycle // CYCLES]:
                    for sampling in plan:
                        self._add_block(candidate, sampling.work, number, cycle)
            self.script.clock_s += self.script.round_s
            self.progress(f"round {number + 1}", number + 1, most)
            if enough is not None and enough(number + 1):
                return

    def _add_block(self, candidate, work, number, cycle):
        made_up = self.script.times[name_of(self.candidates[candidate])]
        ms = made_up(number, cycle) if callable(made_up) else made_up
        phases = PHASES_OF[work]
        recording = self.recordings[candidate]
        if not recording.phases[phases[0]].first_calls_s:
            first = dict.fromkeys(phases, 0.2)
            recording.add_warm_up(
                {"prepare_s": None, "first_call_s": first, "calls": 8, "steady": True},
                round_number=number,
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
    name = task.network.name
    short = "reference" if name.startswith("segbench.measurement.reference:") else name
    return f"before {short}" if any(BEFORE in root for root in task.roots) else short


def make_baseline(*profiles, **changes):
    """Return segfast, whose forward takes 43 ms where the reference takes 21.5."""
    fields = {
        "profiles": profiles or (make_profile(),),
        "reference": make_latencies(0.5),
        "created": "2026-01-02T03:04:05Z",
    }
    return Baseline(**(fields | changes))
