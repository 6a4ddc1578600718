"""Wrong inputs to every command: one line, the right exit code, nothing left behind, and soon."""

import pytest
from wrong_inputs import CASES, make_all, server, try_in

EVERY = 5  # of those that take no time; the script tries all of them


@pytest.fixture(scope="session")
def workshop(tmp_path_factory):
    return make_all(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="session")
def address():
    with server() as found:
        yield found


def test_no_two_cases_have_one_name():
    names = [case.name for case in CASES]
    assert sorted({name for name in names if names.count(name) > 1}) == []


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if not case.slow][::EVERY],
    ids=lambda case: case.name.encode("unicode_escape").decode(),
)
def test_a_wrong_input_is_answered_in_one_line_and_leaves_nothing(
    case, tmp_path, workshop, address
):
    outcome, wrong = try_in(case, tmp_path / "trial", workshop, address)
    assert wrong == [], outcome.errors[-2000:]
