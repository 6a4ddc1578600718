"""Optuna storage of a search: its study is opened as the search's own, or refused.

A storage may hold the studies of many searches, and knows them by name. So the folder of a search
keeps the name of its study and a token, and the study has the same token. Where both tokens agree
it is the same search, even after its folder was moved.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn
from urllib.parse import quote

from annotated_types import Len

from segbench.errors import SegbenchError, UsageError, WriteError, one_line
from segbench.files import read_as, write_text

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage

STORAGE, IDENTITY = "study.db", "study.json"
TOKEN = "segbench-token"  # noqa: S105 - the name of an attribute, not a secret
DIRECTIONS: tuple[Literal["minimize", "maximize"], ...] = ("minimize", "maximize")  # latency, mIoU
_PASSWORD = re.compile(r"(://[^:/@]*):[^@]*@")
# Words of sqlite about a file that is no database, or a damaged one.
_DAMAGED = ("malformed", "not a database", "no such table", "no such column")


@dataclass(frozen=True)
class StudyIdentity:
    """Identity of a search's study, as its folder keeps it.

    Attributes:
        study: name in the storage.
        token: attribute of the study.
        begun: whether the study was seen in the storage. Before that, its creation may have been
            interrupted.
    """

    study: Annotated[str, Len(1)]
    token: Annotated[str, Len(1)]
    begun: bool = False


@dataclass
class SearchFolder:
    """Folder of a search, locked by this process.

    Attributes:
        name: of a study that is created for it.
        shared: whether the storage may have studies of other searches; else it is a file in the
            folder.
        used: whether the folder holds anything of a search.
    """

    path: Path
    name: str
    shared: bool
    used: bool

    @cached_property
    def stored(self) -> StudyIdentity | None:
        """Identity as it was found in the folder; None if there was none.

        Raises:
            UsageError: it cannot be read.
        """
        path = self._identity_path
        return read_as(path, StudyIdentity, what="study identity") if path.exists() else None

    @cached_property
    def identity(self) -> StudyIdentity:
        """Identity of its study, a new one if none was found."""
        return self.stored or StudyIdentity(self.name, secrets.token_hex(16))

    @property
    def _identity_path(self) -> Path:
        return self.path / IDENTITY

    def check_storage(self, url: str | None) -> None:
        """Refuse a search whose own storage is gone, before an empty one takes its place.

        Raises:
            UsageError: it is gone.
        """
        path = self.path / STORAGE
        if not self.shared and not (path.exists() and path.stat().st_size):
            self._check_new(url)

    def _check_new(self, url: str | None) -> None:
        """Check that a search without a study has not begun yet."""
        if self.used or self.identity.begun:
            raise UsageError(
                f"the trials of the search in {str(self.path)!r} are not in the storage "
                f"{shown(url)!r}: it has no study {self.identity.study!r}; give the storage that "
                "it was begun with, or another folder with --out"
            )

    def find_study(self, storage: BaseStorage, url: str | None) -> optuna.Study:
        """Return the search's study, created now if the search begins.

        Raises:
            UsageError: the study is another search's, or the search's is not in this storage.
        """
        with working(url):
            study = self._load(storage)
            token = None if study is None else study.user_attrs.get(TOKEN)
        if study is None:
            self._check_new(url)
            return self._create(storage, url)
        check_objectives(study, url)
        known = self.used or self.stored is not None
        if self.shared and token != self.identity.token and (token is not None or not known):
            refuse_name(study.study_name, url, "belongs to another search")
        return study

    def _load(self, storage: BaseStorage) -> optuna.Study | None:
        import optuna

        names = [self.identity.study]
        # An older version kept no identity, and the folder may have been moved since.
        if self.stored is None and not self.shared:
            every = optuna.get_all_study_names(storage)
            names += every if len(every) == 1 else []
        for name in names:
            with contextlib.suppress(KeyError):
                return load(storage, name)
        return None

    def _create(self, storage: BaseStorage, url: str | None) -> optuna.Study:
        """Create the study; of two processes that do so at once the storage refuses one."""
        from optuna.exceptions import DuplicatedStudyError

        if self.shared and self.stored is None:
            self._write(self.identity)
        try:
            study = create(storage, self.identity.study)
        except Exception as error:
            if self.shared and self.stored is None:
                self._identity_path.unlink(missing_ok=True)
            if isinstance(error, DuplicatedStudyError):
                refuse_name(self.identity.study, url, "belongs to another search")
            raise
        study.set_user_attr(TOKEN, self.identity.token)
        return study

    def link(self, study: optuna.Study) -> None:
        """Write the token and the name of the study, where either is missing."""
        token = study.user_attrs.get(TOKEN)
        if not isinstance(token, str) or not token:
            token = self.identity.token
            study.set_user_attr(TOKEN, token)
        identity = replace(self.identity, study=study.study_name, token=token, begun=True)
        if identity != self.stored:
            self._write(identity)

    def _write(self, identity: StudyIdentity) -> None:
        write_text(self._identity_path, json.dumps(asdict(identity), indent=1) + "\n", force=True)


def open_study(url: str | None, name: str, folder: SearchFolder | None) -> optuna.Study:
    """Return the study of a search.

    Args:
        url: of the storage, as Optuna writes it; None for one in memory.
        folder: folder of the search; None for a search without one, whose study is known by its
            name alone.

    Raises:
        UsageError: the storage cannot be opened, or the study in it is another search's.
    """
    if folder is not None:
        folder.check_storage(url)
    storage = _open_storage(url)
    if folder is not None:
        return folder.find_study(storage, url)
    try:
        study = load(storage, name)
    except KeyError:
        return create(storage, name)
    check_objectives(study, url)
    return study


def _open_storage(url: str | None) -> BaseStorage:
    """Return a storage that is writable."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)  # its warnings are errors here
    if url is None:
        return optuna.storages.InMemoryStorage()
    _check_not_foreign(url)
    storage = optuna.storages.RDBStorage(url)
    _check_writable(storage)
    return optuna.storages.get_storage(storage)


def _check_not_foreign(url: str) -> None:
    """Refuse another program's database before Optuna adds tables to it.

    A server's database may have other tables beside Optuna's; a file may not.

    Raises:
        UsageError: it has tables that are not Optuna's.
    """
    import sqlalchemy
    from optuna.storages._rdb.models import BaseModel

    address = sqlalchemy.make_url(url)
    is_file = address.get_backend_name() == "sqlite"
    if is_file and not (address.database and os.path.exists(address.database)):  # noqa: PTH110
        return  # connecting would create it
    engine = sqlalchemy.create_engine(url)
    try:
        tables = sqlalchemy.inspect(engine)
        names = set(tables.get_table_names())
        own = BaseModel.metadata.tables
        is_foreign = is_file and bool(names) and not names & set(own)
        for name in names & set(own):
            columns = {column["name"] for column in tables.get_columns(name)}
            is_foreign |= not columns & {column.name for column in own[name].primary_key}
    finally:
        engine.dispose()
    if is_foreign:
        raise UsageError(
            f"the storage {shown(url)!r} is another program's database; name another with "
            "--storage, or another folder with --out"
        )


def _check_writable(storage: optuna.storages.RDBStorage) -> None:
    """Check that a storage is writable, by a statement that changes nothing."""
    import sqlalchemy

    with storage.engine.connect() as connection:
        connection.execute(sqlalchemy.text("DELETE FROM study_user_attributes WHERE 1 = 0"))
        connection.rollback()


def create(storage: BaseStorage, name: str) -> optuna.Study:
    """Create a study.

    Raises:
        DuplicatedStudyError: there is one of this name.
    """
    import optuna

    return optuna.create_study(
        storage=storage, study_name=name, directions=list(DIRECTIONS), sampler=_idle_sampler()
    )


def load(storage: BaseStorage, name: str) -> optuna.Study:
    """Return the study of this name.

    Raises:
        KeyError: there is none.
    """
    import optuna

    return optuna.load_study(study_name=name, storage=storage, sampler=_idle_sampler())


def _idle_sampler() -> optuna.samplers.BaseSampler:
    """Return a sampler that is never used."""
    import optuna

    return optuna.samplers.RandomSampler(seed=0)


def check_objectives(study: optuna.Study, url: str | None) -> None:
    """Refuse a study whose objectives are not latency and mIoU.

    Raises:
        UsageError: it has other objectives.
    """
    directions = tuple(direction.name.lower() for direction in study.directions)
    if directions != DIRECTIONS:
        refuse_name(
            study.study_name,
            url,
            f"has other objectives ({', '.join(directions)}) than a search "
            f"({', '.join(DIRECTIONS)})",
        )


def refuse_name(name: str, url: str | None, why: str) -> NoReturn:
    """Refuse a study that is not the search's.

    Raises:
        UsageError: always.
    """
    raise UsageError(
        f"the name {name!r} is taken in the storage {shown(url)!r}: the study of that name {why}; "
        "search in a folder of another name with --out, or in another storage with --storage"
    )


@contextlib.contextmanager
def opening(url: str | None) -> Iterator[None]:
    """Turn any failure to open a storage into one line.

    Raises:
        UsageError: the storage cannot be opened.
    """
    try:
        yield
    except SegbenchError:
        raise
    except Exception as error:  # sqlalchemy and its drivers raise many kinds
        raise UsageError(f"cannot open the storage {shown(url)!r}: {_reason(error)}") from error


@contextlib.contextmanager
def working(url: str | None) -> Iterator[None]:
    """Turn a failure of the storage during a search into one line; no network is at fault.

    Raises:
        UsageError: its content is damaged.
        WriteError: it can no longer be written or read.
    """
    from optuna.exceptions import OptunaError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except SegbenchError:
        raise
    except (OptunaError, SQLAlchemyError) as error:
        reason = _reason(error)
        if any(words in reason for words in _DAMAGED):
            raise UsageError(f"the storage {shown(url)!r} is damaged: {reason}") from error
        raise WriteError(
            f"the storage {shown(url)!r} failed: {reason}; once it works again, the same command "
            "goes on"
        ) from error
    except (ValueError, TypeError, LookupError, RecursionError) as error:  # of JSON, cut or changed
        raise UsageError(f"the storage {shown(url)!r} is damaged: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    """Return the driver's message, without those of Optuna and sqlalchemy around it."""
    from sqlalchemy.exc import SQLAlchemyError

    cause = error.__cause__ if isinstance(error.__cause__, SQLAlchemyError) else error
    said = getattr(cause, "orig", None) or cause
    words = one_line(str(said).partition("\n")[0])
    is_prose = said is not cause or isinstance(said, SQLAlchemyError) or type(said) is RuntimeError
    return words if words and is_prose else f"{type(said).__name__}: {words}".removesuffix(": ")


def shown(url: str | None) -> str:
    """Return a storage's address without its password.

    >>> shown("mysql://me:secret@host/searches")
    'mysql://me:***@host/searches'
    """
    return "in memory" if url is None else _PASSWORD.sub(r"\1:***@", url)


def sqlite(path: Path) -> str:
    """Return the address of a storage in one file of any name.

    >>> sqlite(Path("/searches/why?/study.db"))
    'sqlite:////searches/why%3F/study.db'
    """
    return f"sqlite:///{quote(str(path.resolve()), safe='/')}"
