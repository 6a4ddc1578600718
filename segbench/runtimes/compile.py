"""Frozen inductor: what ``torch.compile`` makes of a network with constant weights, ahead of time.

The network is exported as one graph, and inductor, the compiler behind ``torch.compile``, writes
and compiles its kernels with the weights frozen into them (AOTInductor). In one process both forms
take the same time a call. But what ``torch.compile`` makes of packed weights it cannot store, so
that every process would compile for seconds; this library is loaded by the next in a moment.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from segbench.errors import MeasurementError, UsageError
from segbench.results.candidate import DTYPES, EAGER
from segbench.runtimes.compilers import need_compiler
from segbench.runtimes.model import describe_error, is_out_of_memory, set_mode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn

    from segbench.results.candidate import RuntimeSpec

TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
# Types by the numbers that C++ has for them (c10/core/ScalarType.h).
NUMBERED = {5: torch.float16, 6: torch.float32, 7: torch.float64, 15: torch.bfloat16}


class CompiledSession:
    """A library of compiled kernels that is called without Python in between.

    Args:
        library: path of the library; it may be removed once it is loaded.
        type_: of the images that it takes.
    """

    def __init__(self, library: Path, type_: torch.dtype) -> None:
        self._runner = torch._C._aoti.AOTIModelContainerRunnerCpu(str(library), 1)  # noqa: SLF001
        self._type = type_
        self.dtype = str(self._narrowest()).removeprefix("torch.")

    def _narrowest(self) -> torch.dtype:
        """Return the narrowest type of the weights in the library, which convolutions run in.

        Batch norms keep some constants in single precision.
        """
        numbers = self._runner.get_constant_names_to_dtypes().values()
        types = [NUMBERED[number] for number in numbers if number in NUMBERED]
        return min(types, key=lambda each: each.itemsize, default=self._type)

    def feed(self, images: Tensor) -> list[Tensor]:
        """Return the images as the library takes its inputs."""
        return [images.to(self._type).contiguous()]

    def run(self, batch: list[Tensor]) -> list[Tensor]:
        """Call the library."""
        return self._runner.run(batch)

    def output(self, found: list[Tensor]) -> Any:  # noqa: ANN401 - a tensor
        """Return the tensor; each call makes its own."""
        return found[0]


def prepare(
    model: nn.Module, images: Tensor, spec: RuntimeSpec, store: Path | None
) -> CompiledSession:
    """Compile the model, or take what is stored of it; its weights are cast in place.

    Raises:
        UsageError: there is no C++ compiler, or the library computes with another precision.
        MeasurementError: the network cannot be exported as one graph, or not be compiled.
    """
    set_mode(model, training=False)
    if spec.precision != EAGER.precision:
        model.to(TYPES[spec.precision])
        images = images.to(TYPES[spec.precision])
    with contextlib.ExitStack() as stack:
        stored = None if store is None else store.with_suffix(".compiled")
        if stored is None or not stored.exists():
            made = _compile(model, images, stack, store)
            if stored is not None:
                # Where another process was the first, its library stands there.
                with contextlib.suppress(OSError):
                    made.rename(stored)
            if stored is None or not stored.exists():
                stored = made
        session = CompiledSession(stored / "model.so", images.dtype)
    asked = str(images.dtype).removeprefix("torch.")
    if session.dtype != asked:
        raise UsageError(
            f"runtime {spec.name!r} was asked for {DTYPES[spec.precision]} and computes with "
            f"{session.dtype}; leave that precision out"
        )
    return session


def _compile(
    model: nn.Module, images: Tensor, stack: contextlib.ExitStack, store: Path | None
) -> Path:
    """Return a folder with the library; what else was made on the way is removed with the stack.

    All of it stands beside what is stored, which is removed even if this process is killed.
    """
    compiler = need_compiler("compile")
    beside = (
        tempfile.TemporaryDirectory(prefix="segbench-compile-")
        if store is None
        else tempfile.TemporaryDirectory(prefix=f"{store.name}.", dir=store.parent)
    )
    folder = Path(stack.enter_context(beside)).resolve()
    for name in ("cache", "made"):
        (folder / name).mkdir()
    options = {
        "freezing": True,
        "compile_threads": 1,  # others would be processes that stay
        "cpp.cxx": (compiler,),
        "aot_inductor.output_path": str(folder / "made" / "model.so"),
        "aot_inductor.precompile_headers": False,  # it pays from the second library on
    }
    try:
        with torch.no_grad(), warnings.catch_warnings(), _quiet(), _files_in(folder / "cache"):
            warnings.simplefilter("ignore")  # of the compiler, about itself
            program = torch.export.export(model, (images,))
            torch._inductor.aot_compile(program.module(), (images,), options=options)  # noqa: SLF001
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise MeasurementError(
            f"runtime 'compile' cannot compile this network: {describe_error(error)}"
        ) from error
    return folder / "made"


@contextlib.contextmanager
def _files_in(folder: Path) -> Iterator[None]:
    """Let inductor, and the compiler that it starts, put their files into a folder."""
    names = ("TMPDIR", "TORCHINDUCTOR_CACHE_DIR")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, str(folder)))
    before_here, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        from torch._inductor.utils import clear_caches  # noqa: PLC0415 - slow to import

        clear_caches()  # of the paths of files that an earlier folder had
        try:
            yield
        finally:
            clear_caches()
    finally:
        tempfile.tempdir = before_here
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Let the compiler log nothing; what it raises says what went wrong."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
