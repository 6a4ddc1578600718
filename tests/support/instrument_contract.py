"""What every instrument of a worker must do; a test class inherits it and names one.

class TestMine(InstrumentContract):
    name = "mine"
    questions = (("measure", {}, MineReply),)
"""

import json
from dataclasses import replace
from typing import NotRequired, get_origin, get_type_hints

import pytest
import torch

from segbench.measurement.workers.child import INSTRUMENTS, Session, find_instrument
from segbench.measurement.workers.protocol import Task, decode, encode
from segbench.results.candidate import Candidate
from segbench.results.workload import DEFAULT
from zoo.spec import ModelSpec

SMALL = replace(DEFAULT, height=16, width=24)


def fields_of(reply_type):
    """Return the fields that a reply must have, and all that it may have."""
    hints = get_type_hints(reply_type, include_extras=True)
    needed = {name for name, hint in hints.items() if get_origin(hint) is not NotRequired}
    return needed, set(hints)


class InstrumentContract:
    """An instrument, asked in this process as a worker asks it.

    Attributes:
        name: its row in the table.
        questions: verbs in order, with their arguments and the type of the reply, None where it has
            none; the first is asked of networks that fail too.
    """

    name: str
    questions: tuple

    @pytest.fixture
    def task(self):
        return Task(Candidate(ModelSpec("nets_for_tests:Pointwise")), SMALL)

    @pytest.fixture
    def arguments(self):
        """Return further arguments by the verb."""
        return {}

    @pytest.fixture
    def session(self):
        threads = torch.get_num_threads()
        yield Session()
        torch.set_num_threads(threads)

    @pytest.fixture
    def ask(self, session):
        """Return a function that sends a line and reads the reply's, as a supervisor does."""

        def send(do, **arguments):
            line = session.reply_to(encode({"do": do, **arguments}))
            assert line.count("\n") == 1
            return decode(line)

        return send

    @pytest.fixture
    def begin(self, ask):
        def send(task):
            return ask("open", instrument=self.name, task=task.to_json())

        return send

    def test_it_has_a_row_in_the_table(self):
        assert self.name in INSTRUMENTS
        assert find_instrument(self.name).__doc__

    def test_it_opens_for_a_task_that_went_through_the_protocol(self, begin, task):
        assert Task.from_json(json.loads(encode(task.to_json()))) == task
        assert begin(task) == {}

    def test_its_replies_have_the_fields_that_the_supervisor_reads(
        self, begin, ask, task, arguments
    ):
        begin(task)
        for verb, given, reply_type in self.questions:
            reply = ask(verb, **{**given, **arguments.get(verb, {})})
            assert "error" not in reply, reply
            if reply_type is not None:
                needed, known = fields_of(reply_type)
                assert needed <= reply.keys() <= known


class ThreadsContract(InstrumentContract):
    """Of those that compute by themselves."""

    def test_it_computes_with_as_many_threads_as_are_asked_for(self, begin, task):
        for threads in (2, 1):
            begin(replace(task, threads=threads))
            assert torch.get_num_threads() == threads


class NetworkContract(ThreadsContract):
    """Of those that build the network of their task."""

    def test_a_network_that_fails_is_named_in_one_line(self, begin, ask, task):
        failing = Candidate(ModelSpec("nets_for_tests:RaisesInForward"))
        reply = begin(replace(task, candidate=failing))
        if "error" not in reply:
            verb, given, _ = self.questions[0]
            reply = ask(verb, **given)
        assert reply["kind"] == "MeasurementError"
        assert reply["error"] == (
            "network 'nets_for_tests:RaisesInForward,classes=22' failed on an input of "
            "1x3x16x24: RuntimeError: the bridge is out for 4 axes"
        )

    def test_an_option_that_a_network_has_not_is_refused(self, begin, ask, task):
        misspelt = Candidate(ModelSpec("nets_for_tests:Pointwise", {"clases": 3}))
        reply = begin(replace(task, candidate=misspelt))
        if "error" not in reply:
            verb, given, _ = self.questions[0]
            reply = ask(verb, **given)
        assert reply["kind"] == "UsageError"
        assert "did you mean 'classes'?" in reply["error"]
