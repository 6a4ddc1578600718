"""The order of measuring, with workers that only keep a diary."""

# ruff: noqa: S311 - orders are no secrets

import random
from collections import Counter
from dataclasses import asdict, dataclass, replace
from itertools import cycle, pairwise, repeat

import pytest
from made_up_results import QUIET
from tasks import make_task

from segbench.errors import MeasurementError
from segbench.measurement.recording import Recording
from segbench.measurement.rounds import Rounds
from segbench.measurement.schedule import (
    ALONE,
    Sampling,
    count_cycles,
    cycle_seconds,
    mirrored,
    pair_seconds,
    plan_turns,
)

PHASES_OF = {"inference": ("forward",), "training": ("forward_train", "backward", "optimizer")}
SHORT_S, LONG_S = 0.1, 0.3  # of a call, to either side of what is settled by another
TWO_CYCLES = Sampling("inference", 0.1, 1.0, min_cycles=2, max_cycles=2)
BOTH = (TWO_CYCLES, Sampling("training", 0.2, 1.0, min_cycles=1, max_cycles=1))


BROKEN = MeasurementError("it broke")


@dataclass(frozen=True)
class Asked:
    """Something that a worker was asked for, and by which of the workers ever opened."""

    do: str
    candidate: int
    worker: int
    work: str | None = None
    seconds: float | None = None
    discard_first: bool | None = None


@dataclass(frozen=True)
class Slept:
    seconds: float


class Diary:
    """What all fake workers did, in order; their answers can be made to fail."""

    def __init__(self, *, calls_s=(), fail_at=None, error=None, broken=None, unopened=None):
        self.lines = []
        self.calls_s = calls_s
        self.samples_s = repeat(1.0)
        self.fail_at, self.error = fail_at, error
        self.broken = broken or {}  # by candidate, after how many answers it breaks for ever
        self.unopened = unopened  # a candidate
        self.opened = []
        self.closed = []
        self.pools = []

    @property
    def asked(self):
        return [line for line in self.lines if isinstance(line, Asked)]

    @property
    def blocks(self):
        return [line for line in self.asked if line.do == "block"]

    def start_pools(self, count):
        pools = [FakePool(self) for _ in range(count)]
        self.pools += pools
        return pools

    def sleep(self, seconds):
        self.lines.append(Slept(seconds))


class FakePool:
    def __init__(self, diary):
        self.diary, self.workers, self.closed = diary, [], 0

    def try_open(self, tasks):
        assert not self.closed
        candidates = [int(task.network.name.removeprefix("net")) for task in tasks]
        first = len(self.diary.opened)
        self.workers = [
            FakeWorker(self.diary, candidate, first + at) for at, candidate in enumerate(candidates)
        ]
        self.diary.opened += self.workers
        unopened = self.diary.unopened
        return [BROKEN if each.candidate == unopened else each for each in self.workers]

    def close(self):
        self.closed += 1
        self.diary.closed += self.workers


class FakeWorker:
    def __init__(self, diary, candidate, number):
        self.diary, self.candidate, self.number = diary, candidate, number

    def ask(self, do, **arguments):
        if len(self.diary.asked) + 1 == self.diary.fail_at:
            raise self.diary.error
        left = self.diary.broken.get(self.candidate)
        if left is not None:
            self.diary.broken[self.candidate] = left - 1
            if not left:
                raise BROKEN
        self.diary.lines.append(Asked(do, self.candidate, self.number, **arguments))
        if do == "state":
            return {"candidate": self.candidate}
        phases = PHASES_OF[arguments["work"]]
        if do == "warm_up":
            recent_s = self.diary.calls_s[self.candidate] if self.diary.calls_s else SHORT_S
            first = dict.fromkeys(phases, 9.0)
            return {
                "prepare_s": None,
                "first_call_s": first,
                "calls": 7,
                "steady": True,
                "recent_s": recent_s,
            }
        return {
            "samples_s": {phase: [next(self.diary.samples_s)] for phase in phases},
            "minor_faults": {phase: [0] for phase in phases},
            "disturbance": asdict(QUIET),
        }


def measure(diary, pairs=((0, 1),), *, most=2, seed=0, plan=BOTH, progress=None, **options):
    """Run rounds over networks named net0, net1 and so on, up to the last in a pair."""
    candidates = 1 + max(candidate for pair in pairs for candidate in pair)
    recordings = [Recording() for _ in range(candidates)]
    rounds = Rounds(
        tasks=[make_task(f"net{candidate}") for candidate in range(candidates)],
        pairs=pairs,
        most=most,
        seed=seed,
        start_pools=diary.start_pools,
        plan=plan,
        sleep=diary.sleep,
        **options,
    )
    try:
        rounds.run(recordings, progress or (lambda *_: None))
    except (KeyboardInterrupt, RuntimeError) as error:
        if error is not diary.error:
            raise
    return recordings


def forward_places(recording):
    return [(block.round, block.cycle) for block in recording.phases["forward"].blocks]


def test_every_cycle_of_a_pair_is_a_b_b_a_or_b_a_a_b():
    orders = {mirrored((4, 7), random.Random(seed)) for seed in range(50)}
    assert orders == {(4, 7, 7, 4), (7, 4, 4, 7)}


def test_a_pair_of_one_has_one_block_in_a_cycle():
    assert mirrored((4,), random.Random(0)) == (4,)


def test_in_every_cycle_both_have_two_blocks_which_stand_together():
    pairs = [(0, 1), (2, 1), (3, 1)]
    turns = plan_turns(pairs, [5, 3, 4], random.Random(1))
    cycles = {}
    for turn in turns:
        cycles.setdefault(turn.cycle, []).append(turn.candidate)
    assert [turn.cycle for turn in turns] == sorted(turn.cycle for turn in turns)
    found = Counter()
    for first, second, third, fourth in cycles.values():  # four blocks in each
        assert first == fourth != second == third
        found[frozenset((first, second))] += 1
    assert found == {frozenset((0, 1)): 5, frozenset((1, 2)): 3, frozenset((1, 3)): 4}


def test_the_cycles_of_all_pairs_come_in_random_order():
    turns = plan_turns([(0,), (1,)], [20, 20], random.Random(0))
    order = [turn.candidate for turn in turns]
    assert Counter(order) == {0: 20, 1: 20}
    # In a random order of 20 and 20 a neighbour is another one in about half of the 39 cases.
    assert 10 <= sum(before != now for before, now in pairwise(order)) <= 30


def test_who_begins_a_cycle_is_drawn_anew_for_each():
    turns = plan_turns([(0, 1)], [40], random.Random(0))
    begins = [turns[position].candidate for position in range(0, 160, 4)]
    assert 10 <= sum(begins) <= 30  # of 40 draws, 20 on average, with a deviation of 3.2


# Three seconds of blocks of 30 ms, at most 40 cycles.
THREE_SECONDS = Sampling("inference", 0.03, 3.0, min_cycles=1, max_cycles=40)


@pytest.mark.parametrize(
    ("calls_s", "cycles"),
    [
        # 4 blocks of 0.03 s, each after 12 ms of sleep and a call of 10 ms: 0.208 s in all
        ((0.01, 0.01), 14),  # 3 s hold 14.4
        # 2 x (0.03 + 0.03 + 0.012) + 2 x (0.1 + 0.1 + 0.012), for a block is one call at least
        ((0.03, 0.1), 5),  # 0.568 s, of which 3 s hold 5.3
        # 2 x 0.212 + 2 x (0.3 + 0.012), for calls of 0.3 s are not settled
        ((0.1, 0.3), 3),  # 1.048 s, of which 3 s hold 2.9
        ((0.1, 4.0), 1),  # at least one
    ],
)
def test_cycles_fill_the_seconds_of_a_pair_as_near_as_they_come(calls_s, cycles):
    cycle_s = cycle_seconds(THREE_SECONDS, calls_s)
    assert count_cycles(THREE_SECONDS, cycle_s, 3.0) == cycles


def test_there_are_never_more_cycles_than_the_most():
    assert count_cycles(THREE_SECONDS, 0.1684, 7.0) == 40  # 7 s hold 41.6


@pytest.mark.parametrize("deviation", [0.08, 0.12, 0.2])
@pytest.mark.parametrize("overhead_s", [1.0, 3.0])
def test_a_pair_on_a_disturbed_machine_is_as_long_as_makes_a_minute_sharpest(deviation, overhead_s):
    cycle_s, process_deviation = 0.25, 0.024

    def variance(cycles):  # of the mean over the rounds of a minute
        rounds = 60 / (overhead_s + cycles * cycle_s)
        return (process_deviation**2 + deviation**2 / cycles) / rounds

    sampling = Sampling("inference", 0.03, 0.1, min_cycles=1, max_cycles=400)  # no bound is near
    found_s = pair_seconds(
        replace(sampling, pair_s=1.2),
        cycle_s=cycle_s,
        overhead_s=overhead_s,
        deviation=deviation,
    )
    best = min(range(1, 25), key=variance)
    assert found_s == pytest.approx(best * cycle_s, abs=cycle_s)


@pytest.mark.parametrize(("deviation", "pair_s"), [(None, 3.0), (0.0, 3.0), (9.0, 15.0)])
def test_a_pair_is_never_shorter_than_on_a_quiet_machine_nor_more_than_five_times(
    deviation, pair_s
):
    found_s = pair_seconds(THREE_SECONDS, cycle_s=0.2, overhead_s=2.0, deviation=deviation)
    assert found_s == pair_s


class SlowOpening:
    """A clock on which nothing but the opening of workers takes time: so many seconds a round."""

    def __init__(self, overhead_s):
        self.overhead_s, self.read = overhead_s, 0

    def __call__(self):
        # Read when a round begins, when its workers are warm, and around the blocks.
        self.read += 1
        return (self.read + 2) // 4 * self.overhead_s


def test_pairs_get_longer_when_the_blocks_of_a_round_are_seen_to_differ():
    diary = Diary(calls_s=[0.01, 0.01])
    diary.samples_s = cycle([1.0, 1.0, 1.0, 1.3])
    sampling = Sampling("inference", 0.03, 1.0, min_cycles=1, max_cycles=400)
    first, _ = measure(diary, most=2, plan=(sampling,), clock=SlowOpening(3.0))
    blocks = Counter(number for number, _ in forward_places(first))
    assert blocks[0] == 2 * 5  # a second of cycles of 0.208 s
    assert blocks[1] > 2 * 15


def test_pairs_stay_short_where_blocks_agree():
    diary = Diary(calls_s=[0.01, 0.01])
    sampling = Sampling("inference", 0.03, 1.0, min_cycles=1, max_cycles=400)
    first, _ = measure(diary, most=2, plan=(sampling,), clock=SlowOpening(3.0))
    assert Counter(number for number, _ in forward_places(first)) == {0: 10, 1: 10}


def test_who_starts_and_warms_up_first_is_drawn_anew_for_each_round():
    diary = Diary()
    measure(diary, most=40, plan=(TWO_CYCLES,))
    first = [worker.candidate for worker in diary.opened[::2]]
    assert 10 <= sum(first) <= 30
    warmed = [line.candidate for line in diary.asked if line.do == "warm_up"]
    assert warmed[::2] == first


@pytest.mark.parametrize("call_s", [0.001, 0.1, 30.0])
def test_a_network_alone_has_four_blocks_of_inference_and_two_of_training(call_s):
    diary = Diary(calls_s=[call_s])
    measure(diary, [(0,)], most=1, plan=ALONE)
    assert [block.work for block in diary.blocks] == ["inference"] * 4 + ["training"] * 2
    assert [block.seconds for block in diary.blocks] == [0.3] * 4 + [0.5] * 2


def test_the_cycles_of_a_pair_are_counted_from_the_calls_of_its_own_networks():
    # 14 cycles of two networks that take 10 ms, as above. A cycle of 10 and 100 ms takes
    # 2 x 0.052 + 2 x 0.212 = 0.528 s, and 3 s hold 5.7 of them.
    diary = Diary(calls_s=[0.01, 0.01, 0.1])
    recordings = measure(diary, [(0, 1), (2, 1)], most=1, plan=(THREE_SECONDS,))
    blocks = [len(recording.phases["forward"].blocks) for recording in recordings]
    assert blocks == [2 * 14, 2 * (14 + 6), 2 * 6]


def test_blocks_of_one_cycle_are_recorded_with_its_number_for_both():
    first, second = measure(Diary(), most=2)
    expected = [(0, 0), (0, 0), (0, 1), (0, 1), (1, 0), (1, 0), (1, 1), (1, 1)]
    assert forward_places(first) == forward_places(second) == expected
    assert [(block.round, block.cycle) for block in first.phases["backward"].blocks] == [
        (0, 0),
        (0, 0),
        (1, 0),
        (1, 0),
    ]


def test_networks_of_two_pairs_share_cycles_only_within_each():
    base, one, other = measure(Diary(), [(1, 0), (2, 0)], most=1, plan=(TWO_CYCLES,))
    mine, theirs = set(forward_places(one)), set(forward_places(other))
    assert len(mine) == len(theirs) == 2
    assert not mine & theirs
    assert set(forward_places(base)) == mine | theirs


def test_every_arm_is_warmed_up_for_a_work_once_and_before_any_block_of_it():
    diary = Diary()
    measure(diary, [(0, 1), (2, 1)], most=1)
    for work in PHASES_OF:
        asked = [line for line in diary.asked if line.work == work]
        assert [line.do for line in asked[:3]] == ["warm_up"] * 3
        assert {line.candidate for line in asked[:3]} == {0, 1, 2}
        assert {line.do for line in asked[3:]} == {"block"}


def test_the_threads_of_a_network_fall_asleep_before_another_computes_and_only_then():
    diary = Diary()
    measure(diary, [(0, 1), (2, 1)], most=2)
    before, slept = None, False
    for line in diary.lines:
        if isinstance(line, Slept):
            assert line.seconds == 0.012
            slept = True
            continue
        if line.do in {"warm_up", "block"}:
            continues = (
                before is not None
                and before.do == line.do == "block"
                and before.worker == line.worker
            )
            assert slept is not continues
            before = line
        slept = False


def test_a_network_alone_does_not_sleep_between_its_blocks():
    diary = Diary()
    measure(diary, [(0,)], most=1, plan=ALONE[:1])
    kinds = ["sleep" if isinstance(line, Slept) else line.do for line in diary.lines]
    assert kinds == ["sleep", "warm_up", "sleep", "block", "block", "block", "block", "state"]


def test_a_block_settles_after_another_network_and_not_after_its_own():
    diary = Diary(calls_s=[SHORT_S, SHORT_S])
    measure(diary, most=1, plan=(TWO_CYCLES,))
    expected = [True] + [
        before.candidate != now.candidate for before, now in pairwise(diary.blocks)
    ]
    assert [block.discard_first for block in diary.blocks] == expected
    assert expected[:4] == [True, True, False, True]  # of A B B A


def test_long_calls_are_never_settled_and_short_ones_beside_them_are():
    diary = Diary(calls_s=[SHORT_S, LONG_S])
    measure(diary, most=3, plan=(TWO_CYCLES,))
    assert {block.discard_first for block in diary.blocks if block.candidate == 1} == {False}
    assert {block.discard_first for block in diary.blocks if block.candidate == 0} == {True, False}


@pytest.mark.parametrize(("call_s", "settle"), [(0.199, True), (0.2, False)])
def test_calls_settle_below_a_fifth_of_a_second(call_s, settle):
    diary = Diary(calls_s=[call_s])
    measure(diary, [(0,)], most=1, plan=ALONE[:1])
    assert [block.discard_first for block in diary.blocks] == [settle, False, False, False]


def test_a_pair_that_is_decided_is_no_longer_measured_and_its_network_gets_no_worker():
    pairs = [(1, 0), (2, 0)]

    def enough(rounds):
        if rounds == 2:
            pairs.remove((1, 0))
        return False

    diary = Diary()
    base, decided, other = measure(diary, pairs, most=4, plan=(TWO_CYCLES,), enough=enough)
    opened = [worker.candidate for worker in diary.opened]
    rounds = [opened[:3], opened[3:6], opened[6:8], opened[8:]]
    assert [sorted(candidates) for candidates in rounds] == [[0, 1, 2], [0, 1, 2], [0, 2], [0, 2]]
    assert {number for number, _ in forward_places(decided)} == {0, 1}
    assert {number for number, _ in forward_places(other)} == {0, 1, 2, 3}
    # Two blocks a cycle: of two pairs in two rounds, of one in two more.
    assert len(forward_places(base)) == 2 * (2 * 4 + 2 * 2)
    assert diary.closed == diary.opened


def test_what_is_enough_is_told_the_finished_rounds_and_ends_the_run():
    told = []

    def enough(rounds):
        told.append(rounds)
        return rounds == 3

    diary = Diary()
    recordings = measure(diary, most=9, enough=enough)
    assert told == [1, 2, 3]
    assert {number for number, _ in forward_places(recordings[0])} == {0, 1, 2}
    assert diary.closed == diary.opened


def test_what_is_enough_is_asked_when_the_workers_of_its_round_are_closed():
    diary = Diary()
    seen = []
    measure(diary, enough=lambda _: seen.append((len(diary.opened), len(diary.closed))))
    assert seen == [(2, 2), (4, 4)]


def test_without_a_word_of_enough_all_rounds_are_measured():
    assert {number for number, _ in forward_places(measure(Diary(), most=5)[0])} == set(range(5))


def test_the_most_rounds_end_a_run_that_never_has_enough():
    diary = Diary()
    measure(diary, most=3, enough=lambda _: False)
    assert len(diary.opened) == 2 * 3


def test_every_round_has_fresh_workers_which_are_closed_at_its_end():
    diary = Diary()
    measure(diary, most=3)
    assert len(diary.opened) == 6
    assert diary.closed == diary.opened
    assert {line.worker for line in diary.asked[-2:]} == {4, 5}


def test_the_order_depends_on_the_seed_alone():
    def order(seed):
        diary = Diary()
        measure(diary, [(0, 1), (2, 1)], most=3, seed=seed)
        return [(block.candidate, block.work) for block in diary.blocks]

    assert order(1) == order(1)
    assert order(1) != order(2)


def test_a_worker_is_asked_for_its_state_after_its_last_block():
    diary = Diary()
    recordings = measure(diary, most=1)
    assert [line.do for line in diary.asked[-2:]] == ["state", "state"]
    assert [recording.state for recording in recordings] == [{"candidate": 0}, {"candidate": 1}]


@pytest.mark.parametrize("error", [RuntimeError("gone"), KeyboardInterrupt()])
def test_workers_are_closed_and_finished_blocks_stay_when_a_round_is_cut_off(error):
    # 2 warm-ups and 2 cycles of 4 blocks of inference, 2 warm-ups and 4 blocks of training, 2
    # states: 18 asks a round. The 18 + 2 + 5 = 25th is the fifth block of the second round, when
    # its first cycle, of two blocks each, is complete.
    diary = Diary(fail_at=25, error=error)
    recordings = measure(diary, most=3)
    assert diary.closed == diary.opened
    assert len(diary.opened) == 4
    assert [len(forward_places(recording)) for recording in recordings] == [6, 6]
    assert forward_places(recordings[0])[4:] == [(1, 0), (1, 0)]
    assert [len(recording.phases["optimizer"].blocks) for recording in recordings] == [2, 2]
    assert [recording.state for recording in recordings] == [{"candidate": 0}, {"candidate": 1}]


def test_an_interrupt_passes_through_and_closes_all_that_are_open():
    diary = Diary(fail_at=1, error=KeyboardInterrupt())
    rounds = Rounds(
        tasks=[make_task("net0"), make_task("net1")],
        pairs=[(0, 1)],
        most=1,
        seed=0,
        start_pools=diary.start_pools,
        sleep=diary.sleep,
    )
    with pytest.raises(KeyboardInterrupt):
        rounds.run([Recording(), Recording()], lambda *_: None)
    assert len(diary.opened) == 2
    assert diary.closed == diary.opened


def test_an_interrupt_between_rounds_leaves_none_of_those_that_were_started_ahead():
    diary = Diary(error=KeyboardInterrupt())

    def enough(_rounds):
        raise diary.error

    measure(diary, [(0,)], most=3, enough=enough)
    assert len(diary.opened) == 1
    assert [pool.closed for pool in diary.pools] == [1, 1, 1]


def test_progress_is_shown_in_hundredths_of_rounds_and_only_grows():
    seen = []
    measure(Diary(), most=2, plan=(TWO_CYCLES,), progress=lambda *call: seen.append(call))
    assert {total for _, _, total in seen} == {200}
    counts = [done for _, done, _ in seen]
    assert counts == sorted(counts)
    assert seen[:3] == [
        ("round 1 of 2: starting", 0, 200),
        ("round 1 of 2: warming up net0, inference", 0, 200),
        ("round 1 of 2: warming up net1, inference", 0, 200),
    ]
    # Of 8 blocks the last begins at 7/8: 87.5, to the nearest even number.
    assert [done for doing, done, _ in seen if "timing" in doing][:8] == [
        0, 12, 25, 38, 50, 62, 75, 88,
    ]  # fmt: skip
    assert seen[-1] == ("timed", 200, 200)


def test_each_kind_of_work_has_its_share_of_a_rounds_progress():
    seen = []
    measure(Diary(), most=1, progress=lambda *call: seen.append(call))
    begins = {doing: done for doing, done, _ in seen if "warming up" in doing}
    assert begins == {
        "round 1 of 1: warming up net0, inference": 0,
        "round 1 of 1: warming up net1, inference": 0,
        "round 1 of 1: warming up net0, training": 50,
        "round 1 of 1: warming up net1, training": 50,
    }


def test_a_run_that_may_end_at_any_round_does_not_say_how_many_there_are():
    seen = []
    measure(Diary(), enough=lambda _: False, progress=lambda *call: seen.append(call[0]))
    assert seen[0] == "round 1: starting"


def test_the_pools_of_three_rounds_are_started_side_by_side_and_open_one_after_the_other():
    diary, started = Diary(), []
    measure(diary, most=5, enough=lambda _: started.append(len(diary.pools)))
    assert started == [3, 3, 3, 5, 5]
    assert [worker for pool in diary.pools for worker in pool.workers] == diary.opened
    assert [len(pool.workers) for pool in diary.pools] == [2] * 5
    assert [pool.closed for pool in diary.pools] == [1] * 5
    assert diary.closed == diary.opened


def test_pools_that_were_started_ahead_are_closed_when_a_round_fails():
    diary = Diary(fail_at=2, error=RuntimeError("rain"))
    measure(diary, [(0,)], most=3)
    assert len(diary.opened) == 1
    assert [pool.closed for pool in diary.pools] == [1, 1, 1]


class Failures:
    """What fails, and the pairs that are left."""

    def __init__(self, pairs):
        self.pairs, self.told = pairs, []

    def __call__(self, candidate, stage, error):
        assert error is BROKEN
        self.told.append((candidate, stage))
        self.pairs[:] = [pair for pair in self.pairs if candidate not in pair]


# A candidate is asked in each round for its warm-up, four blocks in two cycles, and its state.
@pytest.mark.parametrize(
    ("answers", "stage", "blocks"),
    [
        (0, "in the warm-up of round 1", 0),
        (1, "in the timing of round 1", 0),
        (2, "in the timing of round 1", 1),
        (5, "in the timing of round 1", 4),
        (6, "in the warm-up of round 2", 4),
        (7, "in the timing of round 2", 4),
    ],
)
def test_a_candidate_that_fails_has_no_further_part_and_the_others_are_measured_whole(
    answers, stage, blocks
):
    pairs = [(1, 0), (2, 0), (3, 0)]
    fails, diary = Failures(pairs), Diary(broken={1: answers})
    recordings = measure(diary, pairs, most=3, plan=(TWO_CYCLES,), fails=fails)
    assert fails.told == [(1, stage)]
    assert len(forward_places(recordings[1])) == blocks
    for recording in recordings[2:]:
        assert Counter(number for number, _ in forward_places(recording)) == {0: 4, 1: 4, 2: 4}
        assert set(forward_places(recording)) <= set(forward_places(recordings[0]))
    broken_in = int(stage[-1]) - 1
    rounds = Counter(worker.number // 4 for worker in diary.opened if worker.candidate == 1)
    assert sum(rounds.values()) == broken_in + 1
    assert diary.closed == diary.opened
    assert [pool.closed for pool in diary.pools] == [1, 1, 1]


def test_a_candidate_whose_worker_cannot_be_opened_is_told_and_the_others_are_measured_whole():
    pairs = [(1, 0), (2, 0)]
    fails, diary = Failures(pairs), Diary(unopened=1)
    _, unopened, other = measure(diary, pairs, most=2, plan=(TWO_CYCLES,), fails=fails)
    assert fails.told == [(1, "in the start of round 1")]
    assert forward_places(unopened) == []
    assert Counter(number for number, _ in forward_places(other)) == {0: 4, 1: 4}
    assert diary.closed == diary.opened


def test_the_rest_of_a_cycle_whose_other_candidate_failed_is_not_timed():
    pairs = [(1, 0), (2, 0)]
    diary = Diary(broken={1: 1})
    base, _, other = measure(diary, pairs, most=1, plan=(TWO_CYCLES,), fails=Failures(pairs))
    # Of the pair that broke at its first block the baseline has no more than what came before.
    mine = [place for place in forward_places(base) if place not in forward_places(other)]
    assert len(mine) <= 1


def test_without_what_is_to_be_done_then_a_failure_ends_the_rounds():
    diary = Diary(broken={1: 3})
    with pytest.raises(MeasurementError) as caught:
        measure(diary, most=3)
    assert caught.value is BROKEN
    assert diary.closed == diary.opened
