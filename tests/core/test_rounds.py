"""The order of measuring, with workers that only keep a diary."""

# ruff: noqa: S311 - orders are no secrets

import random
from collections import Counter
from dataclasses import asdict

import pytest
from made_up_results import QUIET

from segbench.protocol import Task
from segbench.recording import Recording
from segbench.rounds import DEFAULT_BLOCKS, Blocks, Rounds, mirrored_orders, turns

PHASES_OF = {"inference": ("forward",), "training": ("forward_train", "backward", "optimizer")}


class Diary:
    """What all fake workers did, in order; their answers can be made to fail."""

    def __init__(self, fail_at=None, error=None):
        self.lines = []
        self.asked = 0
        self.fail_at, self.error = fail_at, error
        self.opened = []
        self.closed = []

    def open_workers(self, tasks):
        workers = [FakeWorker(self, arm) for arm in range(len(tasks))]
        self.opened += workers
        return workers

    def close_workers(self, workers):
        self.closed += workers

    def sleep(self, seconds):
        self.lines.append(("sleep", seconds))


class FakeWorker:
    def __init__(self, diary, arm):
        self.diary, self.arm = diary, arm

    def ask(self, do, **arguments):
        self.diary.asked += 1
        if self.diary.asked == self.diary.fail_at:
            raise self.diary.error
        self.diary.lines.append((do, self.arm, arguments.get("work")))
        if do == "state":
            return {"arm": self.arm}
        phases = PHASES_OF[arguments["work"]]
        if do == "warm_up":
            first = dict.fromkeys(phases, 9.0)
            return {"first_call_s": first, "calls": 7, "steady": True}
        return {
            "samples_s": {phase: [1.0] for phase in phases},
            "minor_faults": {phase: [0] for phase in phases},
            "disturbance": asdict(QUIET),
        }


def measure(diary, *, arms=2, count=2, seed=0, plan=DEFAULT_BLOCKS, progress=None, ahead=False):
    recordings = [Recording() for _ in range(arms)]
    rounds = Rounds(
        tasks=[Task(f"net{arm}", {}) for arm in range(arms)],
        count=count,
        seed=seed,
        open_workers=diary.open_workers,
        close_workers=diary.close_workers,
        plan=plan,
        sleep=diary.sleep,
        ahead=ahead,
    )
    try:
        rounds.run(recordings, progress or (lambda *_: None))
    except (KeyboardInterrupt, RuntimeError) as error:
        if error is not diary.error:
            raise
    return recordings


def order_of_blocks(diary):
    return [(arm, work) for do, arm, work in asks(diary) if do == "block"]


def asks(diary):
    return [line for line in diary.lines if line[0] != "sleep"]


def test_two_arms_are_measured_in_mirrored_orders():
    plan = (Blocks("inference", 4, 0.4),)
    diary = Diary()
    measure(diary, count=1, plan=plan)
    order = [arm for arm, _ in order_of_blocks(diary)]
    assert order[:2] == order[3:1:-1]  # A B B A
    assert order[4:6] == order[7:5:-1]
    assert sorted(order[:2]) == sorted(order[4:6]) == [0, 1]


@pytest.mark.parametrize("arms", [1, 2, 3, 6])
def test_every_second_order_is_the_one_before_it_backwards(arms):
    orders = list(mirrored_orders(arms, 5, random.Random(3)))
    assert all(sorted(order) == list(range(arms)) for order in orders)
    assert orders[1] == orders[0][::-1]
    assert orders[3] == orders[2][::-1]


def test_orders_do_differ_between_pairs_of_cycles():
    orders = {tuple(order) for order in mirrored_orders(4, 20, random.Random(0))}
    assert len(orders) > 4


@pytest.mark.parametrize("arms", [1, 2, 5])
def test_every_arm_gets_equally_many_blocks_of_each_kind(arms):
    diary = Diary()
    measure(diary, arms=arms, count=3)
    found = Counter(order_of_blocks(diary))
    assert found == {
        **{(arm, "inference"): 12 for arm in range(arms)},
        **{(arm, "training"): 6 for arm in range(arms)},
    }


def test_every_arm_is_warmed_up_for_a_work_before_any_block_of_it():
    made = list(turns(3, DEFAULT_BLOCKS, random.Random(0)))
    for work in PHASES_OF:
        of_work = [turn for turn in made if turn.blocks.work == work]
        assert [turn.arm for turn in of_work[:3]] == [0, 1, 2]
        assert all(turn.cycle is None for turn in of_work[:3])
        assert all(turn.cycle is not None for turn in of_work[3:])


def test_each_turn_is_followed_by_time_for_its_threads_to_fall_asleep():
    diary = Diary()
    measure(diary)
    computing = [at for at, line in enumerate(diary.lines) if line[0] in ("warm_up", "block")]
    assert all(diary.lines[at + 1][0] == "sleep" for at in computing)
    assert all(diary.lines[at + 1][1] >= 0.01 for at in computing)


def test_every_round_has_fresh_workers_which_are_closed_at_its_end():
    diary = Diary()
    measure(diary, arms=2, count=3)
    assert len(diary.opened) == 6
    assert diary.closed == diary.opened


def test_the_order_depends_on_the_seed_alone():
    def order(seed):
        diary = Diary()
        measure(diary, arms=3, count=3, seed=seed)
        return order_of_blocks(diary)

    assert order(1) == order(1)
    assert order(1) != order(2)


def test_a_worker_is_asked_for_its_state_after_its_last_block():
    diary = Diary()
    recordings = measure(diary, count=1)
    assert [line[0] for line in asks(diary)[-2:]] == ["state", "state"]
    assert [recording.state for recording in recordings] == [{"arm": 0}, {"arm": 1}]


@pytest.mark.parametrize("error", [RuntimeError("gone"), KeyboardInterrupt()])
def test_workers_are_closed_and_finished_blocks_stay_when_a_round_is_cut_off(error):
    # 2 warm-ups and 8 blocks of inference, 2 warm-ups and 4 blocks of training, 2 states: 18 asks
    # a round. The 18 + 2 + 5 = 25th is the fifth block of the second round.
    diary = Diary(fail_at=25, error=error)
    recordings = measure(diary, count=3)
    assert diary.closed == diary.opened
    assert len(diary.opened) == 4
    blocks = [recording.phases["forward"].blocks for recording in recordings]
    assert [len(found) for found in blocks] == [6, 6]
    assert {block.round for block in blocks[0]} == {0, 1}
    assert [len(recording.phases["optimizer"].blocks) for recording in recordings] == [2, 2]
    assert [recording.state for recording in recordings] == [{"arm": 0}, {"arm": 1}]


def test_an_interrupt_passes_through_and_is_not_swallowed():
    diary = Diary(fail_at=1, error=KeyboardInterrupt())
    rounds = Rounds(
        tasks=[Task("net", {})],
        count=1,
        seed=0,
        open_workers=diary.open_workers,
        close_workers=diary.close_workers,
        sleep=diary.sleep,
    )
    with pytest.raises(KeyboardInterrupt):
        rounds.run([Recording()], lambda *_: None)
    assert diary.closed == diary.opened != []


def test_progress_grows_by_one_a_turn_up_to_its_total():
    seen = []
    measure(Diary(), arms=2, count=2, progress=lambda *call: seen.append(call))
    # per round and arm: 1 + 4 turns of inference, 1 + 2 of training
    totals = {total for _, _, total in seen}
    assert totals == {32}
    counts = [done for _, done, _ in seen]
    assert counts == sorted(counts)
    assert counts[-1] == 32
    assert seen[0][0] == "round 1 of 2: starting"
    assert ("round 1 of 2: warming up net0, inference", 0, 32) in seen


def test_cycles_of_a_block_are_those_of_its_order():
    recordings = measure(Diary(), arms=2, count=2)
    for recording in recordings:
        places = [(block.round, block.cycle) for block in recording.phases["forward"].blocks]
        assert places == [(number, cycle) for number in range(2) for cycle in range(4)]


def test_workers_opened_ahead_take_their_turns_and_are_all_closed():
    diary = Diary()
    measure(diary, arms=1, count=5, ahead=True)
    # Five rounds open three workers and then two; within a batch they are asked in that order.
    assert [worker.arm for worker in diary.opened] == [0, 1, 2, 0, 1]
    assert [line[1] for line in diary.lines if line[0] == "state"] == [0, 1, 2, 0, 1]
    assert diary.closed == diary.opened


def test_workers_opened_ahead_are_closed_when_a_round_fails():
    diary = Diary(fail_at=2, error=RuntimeError("rain"))
    measure(diary, arms=1, count=3, ahead=True)
    assert len(diary.opened) == 3
    assert set(diary.closed) == set(diary.opened)
