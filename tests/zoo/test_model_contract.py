"""Every network of the zoo keeps the contract, and so can one from elsewhere."""

import pytest
import torch
from model_contract import ModelContract, NormContract, ZooContract
from torch import nn

import zoo


def has_norm(name):
    with torch.device("meta"):
        network = zoo.build(name)
    return any(isinstance(module, nn.BatchNorm2d) for module in network.modules())


WITH_NORM = [name for name in zoo.models() if has_norm(name)]


class TestWithNorm(NormContract):
    @pytest.fixture(scope="class", params=WITH_NORM)
    @classmethod
    def model(cls, request):
        return request.param


class TestWithoutNorm(ZooContract):
    @pytest.fixture(scope="class", params=[name for name in zoo.models() if name not in WITH_NORM])
    @classmethod
    def model(cls, request):
        return request.param


class TestFromElsewhere(ModelContract):
    @pytest.fixture(scope="class")
    @classmethod
    def model(cls):
        return "nets_for_tests:Pointwise"
