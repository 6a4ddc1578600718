"""Storages that are shared, moved, damaged, full: one line, and nothing is lost."""

import json
import shutil
import sqlite3
import threading
from contextlib import closing

import optuna
import pytest
import sqlalchemy

TAKEN = (
    "segbench: the name 's' is taken in the storage 'sqlite:///all.db': the study of that name "
    "{}; search in a folder of another name with --out, or in another storage with --storage\n"
)
SHARED = ("--storage", "sqlite:///all.db")


def own(folder):
    """Return the address of a folder's own storage."""
    return f"sqlite:///{folder / 'study.db'}"


def change(path, order, *values):
    """Change a storage behind Optuna's back."""
    with closing(sqlite3.connect(path)) as storage, storage:
        assert storage.execute(order, values).rowcount > 0


def attributes(path):
    """Return what is kept of the studies of a storage as a whole."""
    with closing(sqlite3.connect(path)) as storage:
        return dict(storage.execute("SELECT key, value_json FROM study_user_attributes"))


def forget_the_token(path):
    """Let a study be as older versions left it."""
    change(path, "DELETE FROM study_user_attributes WHERE key = 'segbench-token'")


def test_two_searches_whose_folders_have_one_name_do_not_share_a_study(search):
    code, _, errors = search(*SHARED, "--out", "a/s")
    assert code == 0, errors
    before = (search.home / "all.db").read_bytes()
    code, output, errors = search(*SHARED, "--out", "b/s")
    assert (code, output) == (2, "")
    assert errors == TAKEN.format("belongs to another search")
    assert not (search.home / "b" / "s").exists()
    assert (search.home / "all.db").read_bytes() == before
    assert search.told.asked == []
    code, _, errors = search(*SHARED, "--out", "b/t")
    assert code == 0, errors


@pytest.mark.parametrize("table", ["notes", "version_info"])
def test_another_programs_database_is_refused_and_stays_as_it_was(search, table):
    with closing(sqlite3.connect(search.home / "mine.db")) as mine, mine:
        mine.execute(f"CREATE TABLE {table} (text)")
    before = (search.home / "mine.db").read_bytes()
    code, output, errors = search("--storage", "sqlite:///mine.db", "--out", "s")
    assert (code, output) == (2, "")
    assert errors == (
        "segbench: the storage 'sqlite:///mine.db' is another program's database; name another "
        "with --storage, or another folder with --out\n"
    )
    assert (search.home / "mine.db").read_bytes() == before


def test_a_folder_of_other_files_is_not_searched_in(search):
    (search.home / "photos").mkdir()
    (search.home / "photos" / "a.txt").write_text("mine")
    code, output, errors = search("--out", "photos")
    assert (code, output) == (2, "")
    assert errors == (
        "segbench: 'photos' holds other files than a search's; name another folder with --out\n"
    )
    assert [path.name for path in (search.home / "photos").iterdir()] == ["a.txt"]


def begin(home, folder, url):
    from segbench.search.config import SearchConfig
    from segbench.search.run import SearchRun
    from segbench.training.config import Job

    job = Job(model="segfast", dataset=str(home / "rooms"), size=(24, 32), epochs=3)
    config = SearchConfig(study="separable", job=job, trials=3, storage=url)
    SearchRun(config, home / folder, cache=home / "cache").close()


def test_of_two_searches_of_one_name_that_begin_at_a_time_one_is_refused(home):
    url = f"sqlite:///{home / 'all.db'}"
    begin(home, "first", url)
    for turn in range(5):
        together, ends = threading.Barrier(2), []

        def race(parent, together=together, ends=ends, turn=turn):
            together.wait()
            try:
                begin(home, f"{parent}/s{turn}", url)
                ends.append("begun")
            except ValueError as error:
                ends.append(str(error))

        racers = [threading.Thread(target=race, args=(parent,)) for parent in "ab"]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join()
        begun = [parent for parent in "ab" if (home / parent / f"s{turn}").exists()]
        assert len(begun) == 1, ends
        (refused,) = set(ends) - {"begun"}
        assert f"the name 's{turn}' is taken" in refused or "locked" in refused


@pytest.mark.parametrize("storage", [SHARED, ()], ids=["shared", "its own"])
def test_a_search_goes_on_where_its_folder_was_moved_to(search, storage):
    code, _, errors = search(*storage, "--out", "a/s")
    assert code == 0, errors
    shutil.move(search.home / "a" / "s", search.home / "t")
    code, output, errors = search(*storage, "--out", "t")
    assert (code, search.told.asked) == (0, []), errors
    assert "3 of 3 trials" in output


def test_a_search_of_an_older_version_in_its_own_storage_goes_on_and_gets_a_token(search):
    search("--out", "s")
    folder = search.home / "s"
    forget_the_token(folder / "study.db")
    (folder / "study.json").unlink()
    shutil.move(folder, search.home / "t")
    code, _, errors = search("--out", "t")
    assert (code, search.told.asked) == (0, []), errors
    identity = json.loads((search.home / "t" / "study.json").read_text())
    token = json.loads(attributes(search.home / "t" / "study.db")["segbench-token"])
    assert (identity["study"], identity["token"], identity["begun"]) == ("s", token, True)


def test_a_search_of_an_older_version_in_a_shared_storage_goes_on_where_its_results_are(search):
    search(*SHARED, "--out", "a/s")
    forget_the_token(search.home / "all.db")
    (search.home / "a" / "s" / "study.json").unlink()
    code, _, errors = search(*SHARED, "--out", "b/s")
    assert (code, errors) == (2, TAKEN.format("belongs to another search"))
    code, _, errors = search(*SHARED, "--out", "a/s")
    assert (code, search.told.asked) == (0, []), errors
    code, _, errors = search(*SHARED, "--out", "b/s")
    assert (code, errors) == (2, TAKEN.format("belongs to another search"))


def test_a_search_that_was_killed_while_its_study_was_made_begins_again(search):
    url = f"sqlite:///{search.home / 'all.db'}"
    optuna.create_study(storage=url, study_name="s", directions=["minimize", "maximize"])
    code, _, errors = search(*SHARED, "--out", "b/s")  # the other may still be at it
    assert (code, errors) == (2, TAKEN.format("belongs to another search"))
    folder = search.home / "a" / "s"
    folder.mkdir(parents=True)
    (folder / "study.json").write_text('{"study": "s", "token": "ours"}')
    code, _, errors = search(*SHARED, "--out", "a/s")
    assert code == 0, errors
    assert json.loads(attributes(search.home / "all.db")["segbench-token"]) == "ours"


@pytest.mark.parametrize(
    ("directions", "words"),
    [
        (["minimize"], "minimize"),
        (["maximize", "minimize"], "maximize, minimize"),
        (["minimize", "maximize", "maximize"], "minimize, maximize, maximize"),
    ],
)
def test_a_study_of_other_objectives_is_not_taken_for_a_search(search, directions, words):
    optuna.create_study(
        storage=f"sqlite:///{search.home / 'all.db'}", study_name="s", directions=directions
    )
    code, output, errors = search(*SHARED, "--out", "a/s")
    assert (code, output) == (2, "")
    assert errors == TAKEN.format(
        f"has other objectives ({words}) than a search (minimize, maximize)"
    )
    assert not (search.home / "a" / "s").exists()


def test_a_study_of_another_tool_is_not_taken_for_a_search(search):
    (search.home / "s").mkdir()
    theirs = optuna.create_study(
        storage=own(search.home / "s"), study_name="s", directions=["minimize", "maximize"]
    )
    theirs.optimize(lambda trial: (trial.suggest_float("x", 0, 1), 1.0), n_trials=1)
    code, output, errors = search("--out", "s")
    assert (code, output) == (2, "")
    assert "the study of that name has trials, and no settings of a search; search in" in errors
    assert errors.count("\n") == 1


@pytest.fixture
def searched(search, tmp_path_factory):
    """Return the folder of a search that is done; it is done once, and copied."""
    kept, folder = tmp_path_factory.getbasetemp() / "searched", search.home / "s"
    if not kept.exists():
        code, _, errors = search("--out", "s")
        assert code == 0, errors
        shutil.move(folder, kept)
    shutil.copytree(kept, folder)
    return folder


GONE = (
    "segbench: the trials of the search in 's' are not in the storage '{}': it has no study 's'; "
    "give the storage that it was begun with, or another folder with --out\n"
)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda _: b"trials\n" * 1000, ("segbench: cannot open the storage '{}': file is not a data"
         "base\n")),
        (lambda whole: whole[: len(whole) // 3], ("segbench: cannot open the storage '{}': "
         "database disk image is malformed\n")),
        (lambda _: b"", GONE),
        (lambda _: None, GONE),
    ],
    ids=["text", "cut", "empty", "gone"],
)  # fmt: skip
def test_a_storage_that_is_damaged_is_one_line_and_stays_as_it_is(search, searched, make, words):
    found = (searched / "search.json").read_bytes()
    damaged = make((searched / "study.db").read_bytes())
    (searched / "study.db").unlink()
    if damaged is not None:
        (searched / "study.db").write_bytes(damaged)
    code, output, errors = search("--out", "s")
    assert (code, output) == (2, "")
    assert errors == words.format(own(searched))
    assert search.told.asked == []
    assert (searched / "search.json").read_bytes() == found
    kept = (searched / "study.db").read_bytes() if (searched / "study.db").exists() else None
    assert kept == damaged


def test_a_folder_in_the_place_of_the_storage_is_one_line(search):
    (search.home / "s" / "study.db").mkdir(parents=True)
    code, _, errors = search("--out", "s")
    assert (code, errors) == (
        2,
        (
            f"segbench: cannot open the storage '{own(search.home / 's')}': unable to open "
            "database file\n"
        ),
    )


def test_a_storage_of_another_version_of_optuna_is_one_line(search, searched):
    change(searched / "study.db", "UPDATE alembic_version SET version_num = 'v99.0.0'")
    code, _, errors = search("--out", "s")
    assert code == 2
    assert errors.startswith(f"segbench: cannot open the storage '{own(searched)}': The runtime op")
    assert errors.count("\n") == 1


def test_a_storage_that_takes_no_changes_is_found_before_anything_is_measured(search, searched):
    url = f"sqlite:///file:{searched / 'study.db'}?mode=ro&uri=true"
    code, _, errors = search("--out", "s", "--trials", "4", "--storage", url)
    assert (code, search.told.asked) == (2, [])
    assert errors == (
        f"segbench: cannot open the storage '{url}': attempt to write a readonly database\n"
    )


def test_a_password_in_the_address_of_a_storage_is_not_shown(search):
    code, _, errors = search("--out", "s", "--storage", "nosuch://me:secret@host/all")
    assert (code, errors) == (
        2,
        (
            "segbench: cannot open the storage 'nosuch://me:***@host/all': Can't load plugin: "
            "sqlalchemy.dialects:nosuch\n"
        ),
    )
    assert not (search.home / "s").exists()


@pytest.mark.parametrize("name", ["why?", "{curly}", "100%20", "a#b", "two words"])
def test_a_folder_may_have_any_name(search, name):
    code, _, errors = search("--out", name)
    assert code == 0, errors
    assert {"search.json", "study.db"} <= {path.name for path in (search.home / name).iterdir()}
    assert {path.name for path in search.home.iterdir()} >= {name, "rooms", "two.py"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "cannot read study identity 's/study.json': not JSON"),
        ('{"study": "s"}', "study identity 's/study.json' is damaged at token: field required"),
        (
            '{"study": "s", "token": 7}',
            "study identity 's/study.json' is damaged at token: input should be",
        ),
        ('{"study": "", "token": "t"}', "study identity 's/study.json' is damaged at study: "),
    ],
)
def test_a_study_identity_that_is_damaged_is_one_line(search, searched, text, words):
    (searched / "study.json").write_text(text)
    code, output, errors = search("--out", "s")
    assert (code, output) == (2, "")
    assert words in errors
    assert errors.count("\n") == 1


SETTINGS, TRIAL = "what is kept of study 's' in", "trial 1 of study 's' in"


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("segbench", "[1]", f"{SETTINGS} the storage '{{}}' is damaged at its top: input should"),
        ("segbench", '"x"', f"{SETTINGS} the storage '{{}}' is damaged at its top: input should"),
        ("segbench", '{"study": "tw', "the storage '{}' is damaged: JSONDecodeError: "),
        ("segbench", '{"job": 3}', "job differs (3, now {{"),
        ("anchor", "{}", "'anchor' of study 's' in the storage '{}' is damaged at ratio: field re"),
        ("anchor", "3", "'anchor' of study 's' in the storage '{}' is damaged at its top: "),
        ("anchor", '{"ratio": 1.0, ', "the storage '{}' is damaged: JSONDecodeError: "),
        ("anchor", "[" * 100_000, "the storage '{}' is damaged: RecursionError: "),
        ("anchor", '{"ratio": 1.0, "interval": null, "rival_s": 0.0, "rounds": 3}',
         "is damaged at rival_s: input should be greater than or equal to 0.00000"),
        ("anchor", '{"ratio": 1.0, "interval": null, "rival_s": NaN, "rounds": 3}',
         "is damaged at rival_s: input should be "),
        ("anchor", '{"ratio": 1.0, "interval": [2.0, 3.0], "rival_s": 1.0, "rounds": 3}',
         "is damaged at its top: the interval from 2 to 3 does not hold its figure, 1 (1 such"),
    ],
)  # fmt: skip
def test_what_is_kept_of_a_search_and_damaged_is_one_line(search, searched, key, value, words):
    order = "UPDATE study_user_attributes SET value_json = ? WHERE key = ?"
    change(searched / "study.db", order, value, key)
    refused(search, searched, words)


def refused(search, folder, words):
    """Hold that a search is not gone on with, for a reason, and stays as it is."""
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    code, output, errors = search("--out", "s", "--trials", "4")
    assert (code, output) == (2, ""), errors
    assert words.format(own(folder)) in errors
    assert errors.count("\n") == 1
    assert len(errors) < 1000
    assert search.told.asked == []
    assert {path: path.read_bytes() for path in before} == before


def test_the_reference_model_is_not_timed_again_beside_trials_of_another_hour(search, searched):
    change(searched / "study.db", "DELETE FROM study_user_attributes WHERE key = 'anchor'")
    refused(
        search,
        searched,
        "the storage of the search in 's' is damaged: it has trials, and no latency of the "
        "reference model\n",
    )


def test_settings_that_are_gone_are_not_taken_from_the_command_line(search, searched):
    change(searched / "study.db", "DELETE FROM study_user_attributes WHERE key = 'segbench'")
    refused(search, searched, "has trials, and no settings of a search; search in")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("timed", "3", f"{TRIAL} the storage '{{}}' is damaged at timed: "),
        ("timed", '{"ratio": 1.0}', f"{TRIAL} the storage '{{}}' is damaged at timed.interval: "),
        ("timed", '{"ratio', "the storage '{}' is damaged: JSONDecodeError: "),
        ("timed", '{"ratio": -1.0, "interval": null, "rival_s": 1.0, "rounds": 3}',
         "is damaged at timed.ratio: input should be greater than or equal to 0.0"),
        ("latency_s", '"fast"', "is damaged at latency_s: input should be a valid number"),
        ("latency_s", "0.0", "is damaged at latency_s: input should be greater than or equal"),
        ("latency_s", "null", "is damaged at its top: it has an mIoU and no latency"),
        ("rungs", "[0.5]", "is damaged at rungs: input should be an object"),
        ("rungs", '{"first": 0.5}', "is damaged at rungs.first.[key]: input should be a valid in"),
        ("rungs", '{"1": 50.0}', "is damaged at rungs.1: input should be less than or equal to 1"),
        ("rungs", '{"1": NaN}', "is damaged at rungs.1: "),
        ("rungs", "{}", "and has no mIoU"),
        ("spent", "-1", "is damaged at spent: input should be greater than or equal to 1"),
        ("state", '"lost"', "is damaged at state: input should be 'trained', 'waiting', 'stopped'"),
        ("state", "null", "and its state is None"),
        ("reason", "7", "is damaged at reason: input should be a valid string"),
        ("model", '"segfast"', "study 'two' now builds another network for trial 1; give the opt"),
    ],
)  # fmt: skip
def test_what_is_kept_of_a_trial_and_damaged_is_one_line(search, searched, key, value, words):
    order = (
        "UPDATE trial_user_attributes SET value_json = ? WHERE key = ? AND "
        "trial_id = (SELECT trial_id FROM trials WHERE number = 1)"
    )
    change(searched / "study.db", order, value, key)
    refused(search, searched, words)


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ("DELETE FROM trials WHERE number = 1", ("study 's' in the storage '{}' is damaged: it has "
         "no trial 1")),
        ("UPDATE trials SET state = 'LOST' WHERE number = 1", ("the storage '{}' is damaged: Lookup"
         "Error: 'LOST' is not among the defined enum values")),
        ("UPDATE trial_params SET distribution_json = '{'", ("the storage '{}' is damaged: "
         "JSONDecodeError: ")),
        ("UPDATE trial_params SET param_value = 9 WHERE param_name = 'wide'", ("cannot go on with "
         "this search: trial 0 is not of this space, for study 'two' cannot choose 9 for 'wide'; "
         "choose from 8, 16, 24, 32, 40, 48, 56, 64; give the options that it was begun with, or "
         "another folder with --out")),
        ("DELETE FROM trial_params WHERE param_name = 'wide'", "cannot choose None for 'wide'"),
        ("DELETE FROM trial_values WHERE objective = 1", ("is damaged: it is complete, and its valu"
         "es are ")),
        ("DROP TABLE trial_params", "the storage '{}'"),
    ],
)  # fmt: skip
def test_trials_that_are_damaged_are_one_line(search, searched, order, words):
    with closing(sqlite3.connect(searched / "study.db")) as storage, storage:
        storage.execute(order)
    if order.startswith("DROP"):  # Optuna makes the table anew, and so nothing has its choices
        code, _, errors = search("--out", "s", "--trials", "4")
        assert (code, errors.count("\n")) == (2, 1)
        assert "cannot choose None for 'stem'" in errors
    else:
        refused(search, searched, words)


def test_a_storage_that_fails_ends_the_search_and_the_same_command_goes_on(search):
    engines = []
    sqlalchemy.event.listen(
        sqlalchemy.Engine, "connect", watch := lambda connection, _: engines.append(connection)
    )

    def interfere():
        for connection in engines:
            connection.execute("PRAGMA query_only = 1")

    search.told.interfere = interfere
    code, output, errors = search("--out", "s", "--trials", "12")
    sqlalchemy.event.remove(sqlalchemy.Engine, "connect", watch)
    folder = search.home / "s"
    assert (code, output) == (5, "")
    assert errors.splitlines()[-1] == (
        f"segbench: the storage '{own(folder)}' failed: attempt to write a readonly database; once "
        "it works again, the same command goes on"
    )
    assert "failed" not in json.dumps(json.loads((folder / "search.json").read_text())["trials"])
    search.told.interfere = lambda: None
    code, output, errors = search("--out", "s", "--trials", "12")
    assert code == 0, errors
    assert "12 of 12 trials" in output


def test_a_result_that_cannot_be_written_ends_the_search_too(search, monkeypatch):
    import segbench.search.run as module
    from segbench.errors import WriteError

    def full(*_given, **_options):
        raise WriteError("cannot write 's/search.json': no space left on device")

    monkeypatch.setattr(module, "save", full)
    code, _, errors = search("--out", "s")
    assert (code, errors) == (
        5,
        "segbench: cannot write 's/search.json': no space left on device\n",
    )
