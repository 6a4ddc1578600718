"""Every runtime of the table keeps the contract, in every precision that it has."""

import pytest
from runtime_contract import RuntimeContract

from segbench.results.candidate import RuntimeSpec
from segbench.runtimes import RUNTIMES
from segbench.runtimes.compilers import find_compiler


class TestRuntimes(RuntimeContract):
    @pytest.fixture(
        params=[(name, each) for name, row in RUNTIMES.items() for each in row.precisions],
        ids=":".join,
    )
    def spec(self, request):
        for package in RUNTIMES[request.param[0]].packages:
            pytest.importorskip(package)
        if RUNTIMES[request.param[0]].compiles and find_compiler() is None:
            pytest.skip("it needs a C++ compiler")
        return RuntimeSpec(*request.param)
