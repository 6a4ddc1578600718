"""Every instrument of the table keeps the contract."""

import numpy as np
import pytest
from instrument_contract import SMALL, InstrumentContract, NetworkContract, ThreadsContract

from segbench.measurement.instruments.inference import IMAGES
from segbench.measurement.workers.child import INSTRUMENTS
from segbench.measurement.workers.protocol import NO_NETWORK, Task
from segbench.measurement.workers.replies import (
    BlockReply,
    ExportReply,
    InferenceReply,
    InspectionReply,
    LayersReply,
    MemoryReply,
    ParityReply,
    PreparationReply,
    StateReply,
    WarmUpReply,
)
from segbench.results.candidate import Candidate
from segbench.training.config import Job


class TestTiming(NetworkContract):
    name = "timing"
    questions = (
        ("warm_up", {"work": "inference"}, WarmUpReply),
        ("block", {"work": "inference", "seconds": 0.001, "discard_first": True}, BlockReply),
        ("warm_up", {"work": "training"}, WarmUpReply),
        ("block", {"work": "training", "seconds": 0.001, "discard_first": False}, BlockReply),
        ("state", {}, StateReply),
    )


class TestInspection(NetworkContract):
    name = "inspection"
    questions = (("inspect", {"strict": True}, InspectionReply),)


class TestMemory(NetworkContract):
    name = "memory"
    questions = (
        ("measure", {}, MemoryReply),
        ("measure", {"training": False}, MemoryReply),
        ("prepare", {}, PreparationReply),
    )


class TestParity(NetworkContract):
    name = "parity"
    questions = (("measure", {}, ParityReply),)


class TestInference(NetworkContract):
    name = "inference"
    questions = (("prepare", {"folder": "."}, InferenceReply), ("run", {}, None))

    @pytest.fixture
    def arguments(self, tmp_path):
        np.save(tmp_path / IMAGES, np.zeros((1, 3, 16, 24), np.float32))
        return {"prepare": {"folder": str(tmp_path)}}


class TestExport(NetworkContract):
    name = "export"
    questions = (
        ("inspect", {}, None),
        ("export", {"takes": "float", "about": "{}"}, ExportReply),
    )

    @pytest.fixture
    def task(self):
        candidate = Candidate.parse("nets_for_tests:Pointwise@onnxruntime")
        return Task(candidate, SMALL)

    @pytest.fixture
    def arguments(self, tmp_path):
        return {"export": {"path": str(tmp_path / "graph")}}


class TestLayers(NetworkContract):
    name = "layers"
    questions = (("measure", {}, LayersReply),)


class TestThreads(ThreadsContract):
    name = "threads"
    questions = (("read", {}, None),)

    @pytest.fixture
    def task(self):
        return Task(NO_NETWORK)


class TestTraining(InstrumentContract):
    name = "training"
    questions = (("begin", {}, None), ("epoch", {}, None))

    @pytest.fixture
    def task(self):
        return Task(NO_NETWORK)

    @pytest.fixture
    def arguments(self, rooms, tmp_path):
        job = Job(model="nets_to_train:Small", dataset=str(rooms), size=(24, 32), epochs=2, batch=4)
        folder, cache = str(tmp_path / "run"), str(tmp_path / "cache")
        return {"begin": {"job": job.to_json(), "folder": folder, "cache": cache}}


def test_every_instrument_of_the_table_is_asked():
    kinds = (
        *(TestTiming, TestInspection, TestMemory, TestParity, TestLayers),
        *(TestThreads, TestTraining, TestInference, TestExport),
    )
    assert {kind.name for kind in kinds} == set(INSTRUMENTS)
