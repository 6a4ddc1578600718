"""Temporary folders that are held by a lock: what comes between their making and their locking."""

import fcntl
import shutil
import tempfile

import pytest

from segbench.errors import WriteError
from segbench.measurement.temporary import held_folder, remove_leftovers

PREFIX = "segbench-test-"


@pytest.fixture(autouse=True)
def _temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_that_is_taken_for_a_leftover_before_it_is_locked_is_made_anew(
    tmp_path, monkeypatch
):
    make, made = tempfile.mkdtemp, []

    def disturbed(**options):
        made.append(make(**options))
        if len(made) == 1:
            remove_leftovers(PREFIX, holds="a")
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", disturbed)
    with held_folder(PREFIX, holds="a") as folder:
        assert [str(folder)] == made[1:]
        assert names_in(tmp_path) == [folder.name]
    assert names_in(tmp_path) == []


def test_a_folder_whose_place_another_took_before_it_was_locked_is_left_to_that(
    tmp_path, monkeypatch
):
    lock, replaced = fcntl.flock, []

    def disturbed(descriptor, how):
        if not replaced:
            replaced.extend(tmp_path.iterdir())
            shutil.rmtree(replaced[0])
            replaced[0].mkdir(0o755)
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", disturbed)
    with held_folder(PREFIX, holds="a") as folder:
        assert folder not in replaced
    assert names_in(tmp_path) == [replaced[0].name]


def test_where_no_folder_can_be_locked_there_is_one_and_no_other_is_removed(tmp_path, monkeypatch):
    (tmp_path / f"{PREFIX}leftover").mkdir(0o700)

    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with held_folder(PREFIX, holds="a") as folder:
        assert folder.is_dir()
    assert names_in(tmp_path) == [f"{PREFIX}leftover"]


def test_a_folder_that_lets_nothing_be_removed_from_it_goes_all_the_same(tmp_path):
    with held_folder(PREFIX, holds="a") as folder:
        (folder / "a" / "b").mkdir(parents=True)
        (folder / "a" / "b" / "c").touch()
        (folder / "a" / "b").chmod(0o500)
        (folder / "a").chmod(0o500)
    assert names_in(tmp_path) == []


def test_a_place_where_nothing_can_be_made_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(WriteError) as caught, held_folder(PREFIX, holds="a"):
        pass
    assert str(caught.value) == "cannot make a temporary folder: no such file or directory"
