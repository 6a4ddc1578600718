"""SYNTHIA: rendered street scenes whose labels have 16 bits a channel, the class in the first.

Ros et al., The SYNTHIA Dataset: A Large Collection of Synthetic Images for Semantic Segmentation of
Urban Scenes, CVPR 2016. RAND-CITYSCAPES has 22 classes and void; the SEQS recordings have 12, with
other numbers: their 12 is a lane marking, which is a motorcycle in the former. So there are two.

Neither comes with a split. A fifth of the scenes, by a hash of the file name, is for validation.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable
from pathlib import Path

from segbench.data.codes import IndexCodes, read_first_of_16_bits
from segbench.data.dataset_files import folders_in, is_folder
from segbench.data.errors import DataError
from segbench.data.pairing import FileScene, pair_by_stem
from segbench.data.pictures import pictures_in
from segbench.data.places import find_home
from segbench.data.scenes import VOID, Dataset, LabelClass

VALIDATION_SHARE = 0.2
# In the order of the ids, from 1; 0 is void.
RAND_CLASSES = (
    LabelClass("sky", (70, 130, 180)),
    LabelClass("building", (70, 70, 70)),
    LabelClass("road", (128, 64, 128)),
    LabelClass("sidewalk", (244, 35, 232)),
    LabelClass("fence", (64, 64, 128)),
    LabelClass("vegetation", (107, 142, 35)),
    LabelClass("pole", (153, 153, 153)),
    LabelClass("car", (0, 0, 142)),
    LabelClass("sign", (220, 220, 0)),
    LabelClass("pedestrian", (220, 20, 60)),
    LabelClass("bicycle", (119, 11, 32)),
    LabelClass("motorcycle", (0, 0, 230)),
    LabelClass("parking", (250, 170, 160)),
    LabelClass("road-work", (128, 64, 64)),
    LabelClass("traffic light", (250, 170, 30)),
    LabelClass("terrain", (152, 251, 152)),
    LabelClass("rider", (255, 0, 0)),
    LabelClass("truck", (0, 0, 70)),
    LabelClass("bus", (0, 60, 100)),
    LabelClass("train", (0, 80, 100)),
    LabelClass("wall", (102, 102, 156)),
    LabelClass("lane-marking", (102, 102, 0)),
)
SEQS_CLASSES = (*RAND_CLASSES[:11], LabelClass("lane-marking", (102, 102, 0)))
CAMERA = Path("Stereo_Left", "Omni_F")  # of eight, the one that looks ahead


def open_synthia(root: Path) -> Dataset:
    """Find SYNTHIA-RAND-CITYSCAPES below a data root: RGB/ and GT/LABELS/.

    Raises:
        DataError: there is none.
    """
    names = ("synthia", "SYNTHIA-RAND-CITYSCAPES", "RAND_CITYSCAPES")
    home = find_home(root, names, lambda folder: bool(pictures_in(folder / "GT" / "LABELS")))
    if home is None:
        raise _absent("SYNTHIA-RAND-CITYSCAPES", root, "RGB/ with GT/LABELS/", "synthia")
    return _dataset("synthia", "RAND-CITYSCAPES", home, RAND_CLASSES, [home])


def open_synthia_seqs(root: Path) -> Dataset:
    """Find SYNTHIA-SEQS recordings below a data root; of each, the left camera that looks ahead.

    Raises:
        DataError: there is none.
    """
    home = find_home(root, ("synthia-seqs",), lambda folder: bool(_recordings(folder)))
    if home is None:
        wanted = f"SYNTHIA-SEQS-*/GT/LABELS/{CAMERA}/"
        raise _absent("SYNTHIA-SEQS", root, wanted, "synthia-seqs")
    return _dataset("synthia-seqs", "SEQS", home, SEQS_CLASSES, _recordings(home), below=CAMERA)


def _recordings(home: Path) -> list[Path]:
    named = [each for each in folders_in(home) if each.name.startswith("SYNTHIA-SEQS-")]
    return [each for each in named if is_folder(each / "GT" / "LABELS" / CAMERA)]


def _absent(words: str, root: Path, wanted: str, name: str) -> DataError:
    return DataError(
        f"no {words} in {str(root)!r}: it has no {wanted}; get it at synthia-dataset.net, and "
        f"unpack it into its folder {name}"
    )


def _dataset(
    name: str,
    words: str,
    home: Path,
    classes: tuple[LabelClass, ...],
    folders: list[Path],
    *,
    below: Path = Path(),
) -> Dataset:
    ids = {0: VOID} | {number: number - 1 for number in range(1, len(classes) + 1)}
    codes = IndexCodes(ids, read=read_first_of_16_bits)
    scenes: list[FileScene] = []
    reasons: dict[str, str] = {}
    for folder in folders:
        images, labels = folder / "RGB" / below, folder / "GT" / "LABELS" / below
        found = pair_by_stem(pictures_in(images), pictures_in(labels), codes)
        scenes += found.scenes
        reasons |= found.reasons
    return Dataset(
        name=name,
        layout=f"{words}, split by a hash of the file name, in {home}",
        classes=classes,
        splits={
            "train": tuple(_chosen(scenes, lambda share: share >= VALIDATION_SHARE)),
            "val": tuple(_chosen(scenes, lambda share: share < VALIDATION_SHARE)),
        },
        unpaired=tuple(reasons),
        reasons=reasons,
    )


def _chosen(scenes: list[FileScene], wanted: Callable[[float], bool]) -> list[FileScene]:
    return [scene for scene in scenes if wanted(share_of(scene.image_path.name))]


def share_of(file_name: str) -> float:
    """Return where a file name's hash lies between 0 and 1: the same on every machine.

    >>> 0 <= share_of("0000000.png") < 1
    True
    """
    # A name need not be text; one that is has the same share in either form of Unicode's letters.
    name = unicodedata.normalize("NFC", file_name).encode(errors="surrogateescape")
    digest = hashlib.sha256(name).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
