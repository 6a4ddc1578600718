"""Every network of the zoo keeps the contract, and so can one from elsewhere."""

import pytest
import torch
from model_contract import (
    AloneContract,
    MapNormContract,
    ModelContract,
    PooledNormContract,
    smallest_to_train_on_one,
)
from torch import nn

import zoo


def contract_of(name):
    with torch.device("meta"):
        network = zoo.build(name).train()
    if not any(isinstance(module, nn.BatchNorm2d) for module in network.modules()):
        return AloneContract
    return PooledNormContract if smallest_to_train_on_one(network) is None else MapNormContract


CONTRACTS = {name: contract_of(name) for name in zoo.models()}


def those_of(contract):
    return [name for name, its in CONTRACTS.items() if its is contract]


class TestWithNorm(MapNormContract):
    @pytest.fixture(scope="class", params=those_of(MapNormContract))
    @classmethod
    def model(cls, request):
        return request.param


class TestWithPooledNorm(PooledNormContract):
    @pytest.fixture(scope="class", params=those_of(PooledNormContract))
    @classmethod
    def model(cls, request):
        return request.param


class TestWithoutNorm(AloneContract):
    @pytest.fixture(scope="class", params=those_of(AloneContract))
    @classmethod
    def model(cls, request):
        return request.param


class TestFromElsewhere(ModelContract):
    @pytest.fixture(scope="class")
    @classmethod
    def model(cls):
        return "nets_for_tests:Pointwise"
