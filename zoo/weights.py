"""Weights of a trained network: the file that they are in, and the network that it names."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from zoo.allowed import check_allowed
from zoo.errors import SpecError, ZooError, did_you_mean
from zoo.files import parse_json
from zoo.pretrained import PRETRAINED, pretrained
from zoo.registry import known
from zoo.spec import ModelSpec

__all__ = [
    "METADATA",
    "find_weights",
    "metadata_of",
    "names_weights",
    "opened",
    "read_metadata_of",
    "read_model_of",
]

METADATA = "segbench"  # key of the text in a file of weights that says what they are
BEST = "best.safetensors"  # of a run's folder
SUFFIX = ".safetensors"


def names_weights(text: str) -> bool:
    """Tell whether a text stands for weights: a run's folder, their file, or a pretrained network.

    A network of the zoo is meant where there is a folder of its name too; write ``./segfast`` for
    the folder.

    >>> [names_weights(text) for text in ("segfast-streets", "segfast", "best.safetensors")]
    [True, False, True]
    """
    if known(text) is not None:
        return False
    return text in PRETRAINED or text.endswith(SUFFIX) or _is_folder(text)


def _is_folder(text: str) -> bool:
    try:
        return os.path.isdir(text)  # noqa: PTH112, a text with a null character is none
    except ValueError:
        return False


def find_weights(text: str) -> Path:
    """Return the file of weights that a text stands for; a path wins over a pretrained network.

    >>> find_weights("segfast-streets").name  # unless there is such a file
    'segfast-streets.safetensors'
    """
    path = Path(text)
    if _is_folder(text):
        return path / BEST
    if os.path.lexists(text):
        return path
    return pretrained(text) or path


def read_model_of(text: str) -> ModelSpec:
    """Return the network that weights are of, as their file says; no tensor is read.

    Raises:
        SpecError: there is no such file, it is damaged, or it does not say.
        ForbiddenImportError: it names code that nobody has allowed it to import.

    >>> str(read_model_of("segfast-streets"))
    'segfast,classes=8'
    """
    path = find_weights(text)
    source = f"the checkpoint {str(path)!r}"
    found = read_metadata_of(text)
    try:
        spec = ModelSpec.from_json(found.get("model") if isinstance(found, dict) else found)
    except SpecError as error:
        raise SpecError(f"{source} does not say which network it is of: {error}") from error
    check_allowed(spec.name, source=source)
    return spec


def read_metadata_of(text: str) -> Any:  # noqa: ANN401, JSON may be anything
    """Return what weights say of themselves, as JSON has it; no tensor is read.

    Raises:
        SpecError: there is no such file, it is damaged, or it says nothing.
    """
    path = find_weights(text)
    with opened(path, framework="numpy") as file:
        said = metadata_of(file, path)
    return parse_json(said, source=f"the checkpoint {str(path)!r}")


@contextlib.contextmanager
def opened(path: Path, *, framework: Literal["numpy", "pt"]) -> Iterator[Any]:
    """Open a file of weights, whose tensors are then read one by one.

    Args:
        framework: what tensors are read as; ``pt`` takes torch.

    Raises:
        SpecError: it is missing, damaged, or no such file.
    """
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415 - it takes numpy

    if path.exists() and not path.is_file():  # the library would wait for a pipe
        raise SpecError(f"cannot read the checkpoint {str(path)!r}: it is no regular file")
    try:
        with safe_open(path, framework=framework) as file:
            yield file
    except FileNotFoundError as error:
        raise SpecError(
            f"there is no checkpoint {str(path)!r}{did_you_mean(str(path), PRETRAINED)} (name a "
            f"run's folder, a file of weights, or one that comes along: {', '.join(PRETRAINED)})"
        ) from error
    except ZooError:
        raise
    except (OSError, SafetensorError, ValueError, RuntimeError) as error:
        raise SpecError(
            f"cannot read the checkpoint {str(path)!r}: it is damaged, or no safetensors file "
            f"({str(error).lower()})"
        ) from error


def metadata_of(file: Any, path: Path) -> str:  # noqa: ANN401, the library's file
    """Return what an opened file of weights says of them, as JSON.

    Raises:
        SpecError: it says nothing.
    """
    said = (file.metadata() or {}).get(METADATA)
    if said is None:
        raise SpecError(
            f"the checkpoint {str(path)!r} does not say which network it is of; "
            "give one that segbench train wrote"
        )
    return str(said)
