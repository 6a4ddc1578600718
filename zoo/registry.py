"""Registry of the zoo's networks, with the figures that the SegFast paper prints for them."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import get_args

from zoo.allowed import is_import_string
from zoo.configured import from_options
from zoo.errors import UnknownModelError, did_you_mean
from zoo.importing import entry_point_names, import_builder, import_installed, load_entry_point
from zoo.published import Figure, Published, accuracy

__all__ = [
    "PAPER_TAG",
    "SMALL_TAG",
    "ModelEntry",
    "check_name",
    "entry",
    "find_builder",
    "known",
    "models",
    "published_ratio",
    "tags",
]

PAPER_TAG = "paper"
"""The tag of the networks that the SegFast paper compares, and ``compare --all`` measures."""
SMALL_TAG = "small"
"""The tag of other authors' networks for small machines, each after its own paper."""


@dataclass(frozen=True, kw_only=True)
class ModelEntry:
    """A network of the zoo.

    Attributes:
        name: what a user types.
        builder: import string of the function that builds it.
        summary: one line for a list of models.
        params_at_22: parameters at 22 classes.
        conv_macs_at_22: multiply-accumulates of all convolutions at 22 classes, 1x3x224x224.
        tags: the sets that it belongs to.
        published: the paper's figures, None where it has none.
    """

    name: str
    builder: str
    summary: str
    params_at_22: int
    conv_macs_at_22: int
    tags: tuple[str, ...]
    published: Published | None = None


_ENTRIES = (
    ModelEntry(
        name="fcn8s",
        builder="zoo.fcn:fcn8s",
        summary="FCN-8s on VGG-16 (Long, Shelhamer and Darrell 2015)",
        params_at_22=134_507_010,
        conv_macs_at_22=62_878_174_720,
        tags=(PAPER_TAG,),
        published=Published(
            row="FCN",
            params=134_507_010,
            forward_s=3.385,
            backward_s=5.230,
            memory_mib=3447,
            accuracy=accuracy(
                bdd=(75.31, 0.3076),
                camvid=(74.22, 0.3342),
                mapillary=(79.62, 0.1910),
                synthia=(91.81, 0.5346),
            ),
        ),
    ),
    ModelEntry(
        name="segnet",
        builder="zoo.segnet:segnet",
        summary="SegNet on VGG-16; the paper's text calls its control SegNet-Basic, "
        "but describes and counts this one",
        params_at_22=29_455_702,
        conv_macs_at_22=31_242_387_456,
        tags=(PAPER_TAG,),
        published=Published(
            row="SegNet",
            params=29_455_702,
            forward_s=1.977,
            backward_s=3.251,
            memory_mib=1515,
            accuracy=accuracy(
                bdd=(82.79, 0.3475),
                camvid=(88.70, 0.5174),
                mapillary=(82.46, 0.2234),
                synthia=(92.05, 0.5430),
            ),
        ),
    ),
    ModelEntry(
        name="segnet-basic",
        builder="zoo.segnet:segnet_basic",
        summary="SegNet-Basic, four stages of 7x7 convolutions; the paper names it in section 4.2 "
        "and has no figures of it",
        params_at_22=1_417_302,
        conv_macs_at_22=17_222_008_832,
        tags=(PAPER_TAG,),
    ),
    ModelEntry(
        name="segfast-basic",
        builder="zoo.segfast:segfast_basic",
        summary="SegFast with standard in place of separable convolutions",
        params_at_22=2_965_976,
        conv_macs_at_22=3_388_585_984,
        tags=(PAPER_TAG,),
        published=Published(
            row="SegFast-Basic",
            params=2_965_976,
            forward_s=0.419,
            backward_s=1.336,
            memory_mib=1232,
            accuracy=accuracy(
                bdd=(80.45, 0.3434),
                camvid=(86.31, 0.4431),
                mapillary=(82.10, 0.2206),
                synthia=(91.65, 0.5317),
            ),
        ),
    ),
    ModelEntry(
        name="segfast",
        builder="zoo.segfast:segfast",
        summary="SegFast: SqueezeNet 1.1 encoder, separable convolutions throughout",
        params_at_22=603_288,
        conv_macs_at_22=769_141_632,
        tags=(PAPER_TAG,),
        published=Published(
            row="SegFast",
            params=603_288,
            forward_s=0.389,
            backward_s=0.929,
            memory_mib=703,
            accuracy=accuracy(
                bdd=(83.48, 0.3576),
                camvid=(85.08, 0.5000),
                mapillary=(81.63, 0.2108),
                synthia=(93.58, 0.5910),
            ),
        ),
    ),
    ModelEntry(
        name="contextnet",
        builder="zoo.contextnet:contextnet",
        summary="ContextNet: a deep branch on a smaller image (Poudel et al. 2018)",
        params_at_22=876_950,
        conv_macs_at_22=160_216_256,
        tags=(SMALL_TAG,),
    ),
    ModelEntry(
        name="fastscnn",
        builder="zoo.fastscnn:fastscnn",
        summary="Fast-SCNN: ContextNet with one start for both branches (Poudel et al. 2019)",
        params_at_22=1_138_438,
        conv_macs_at_22=160_841_888,
        tags=(SMALL_TAG,),
    ),
    ModelEntry(
        name="edanet",
        builder="zoo.edanet:edanet",
        summary="EDANet: dense blocks of asymmetric convolutions (Lo et al. 2018)",
        params_at_22=690_838,
        conv_macs_at_22=846_393_856,
        tags=(SMALL_TAG,),
    ),
    ModelEntry(
        name="enet",
        builder="zoo.enet:enet",
        summary="ENet: bottlenecks, pooling and unpooling (Paszke et al. 2016)",
        params_at_22=358_492,
        conv_macs_at_22=399_840_000,
        tags=(SMALL_TAG,),
    ),
    ModelEntry(
        name="cgnet",
        builder="zoo.cgnet:cgnet",
        summary="CGNet M3N21: local, surrounding and global context in each block (Wu et al. 2018)",
        params_at_22=497_074,
        conv_macs_at_22=647_772_160,
        tags=(SMALL_TAG,),
    ),
    ModelEntry(
        name="dabnet",
        builder="zoo.dabnet:dabnet",
        summary="DABNet: depthwise columns and rows, near and dilated (Li and Kim 2019)",
        params_at_22=757_420,
        conv_macs_at_22=978_731_488,
        tags=(SMALL_TAG,),
    ),
    ModelEntry(
        name="erfnet",
        builder="zoo.erfnet:erfnet",
        summary="ERFNet: residual columns and rows, and learnt upsampling (Romera et al. 2018)",
        params_at_22=2_064_386,
        conv_macs_at_22=2_548_526_848,
        tags=(SMALL_TAG,),
    ),
    ModelEntry(
        name="lraspp-large",
        builder="zoo.lraspp:lraspp",
        summary="LR-ASPP on MobileNetV3-Large, as torchvision arranges it (Howard et al. 2019)",
        params_at_22=3_221_708,
        conv_macs_at_22=379_413_024,
        tags=(SMALL_TAG,),
    ),
    ModelEntry(
        name="lraspp-small",
        builder="zoo.lraspp:lraspp_small",
        summary="LR-ASPP on MobileNetV3-Small, arranged likewise (Howard et al. 2019)",
        params_at_22=1_078_108,
        conv_macs_at_22=122_041_504,
        tags=(SMALL_TAG,),
    ),
    ModelEntry(
        name="segfast-v2",
        builder="zoo.segfast_v2:segfast_v2",
        summary="SegFast-V2: depthwise kernels factored into rows and columns (Ghosh et al. 2019)",
        params_at_22=599_640,
        conv_macs_at_22=762_085_632,
        tags=(SMALL_TAG,),
    ),
    ModelEntry(
        name="bisenetv2",
        builder="zoo.bisenetv2:bisenetv2",
        summary="BiSeNetV2: a wide branch for detail, a deep one for meaning (Yu et al. 2021)",
        params_at_22=2_308_134,
        conv_macs_at_22=1_532_344_384,
        tags=(SMALL_TAG,),
    ),
    ModelEntry(
        name="ddrnet23-slim",
        builder="zoo.ddrnet:ddrnet23_slim",
        summary="DDRNet-23-slim: residual branches at two resolutions (Hong et al. 2021)",
        params_at_22=5_696_182,
        conv_macs_at_22=874_608_640,
        tags=(SMALL_TAG,),
    ),
    ModelEntry(
        name="topformer-tiny",
        builder="zoo.topformer:topformer_tiny",
        summary="TopFormer-Tiny: a transformer over a pyramid of tokens (Zhang et al. 2022)",
        params_at_22=1_389_398,
        conv_macs_at_22=105_563_968,
        tags=(SMALL_TAG,),
    ),
)

_BY_NAME: Mapping[str, ModelEntry] = {row.name: row for row in _ENTRIES}


def models(*, tag: str | None = None) -> tuple[str, ...]:
    """Return the names of the zoo's networks.

    Args:
        tag: of those that are wanted; all if None.

    Raises:
        UnknownModelError: no network has this tag.

    >>> models(tag="paper")
    ('fcn8s', 'segnet', 'segnet-basic', 'segfast-basic', 'segfast')
    """
    found = tuple(row.name for row in _ENTRIES if tag is None or tag in row.tags)
    if not found:
        raise UnknownModelError(
            f"no model has tag {tag!r}{did_you_mean(str(tag), tags())} (tags: {', '.join(tags())})"
        )
    return found


def tags() -> tuple[str, ...]:
    """Return the tags that networks have.

    >>> "paper" in tags()
    True
    """
    return tuple(dict.fromkeys(tag for row in _ENTRIES for tag in row.tags))


def known(name: str) -> ModelEntry | None:
    """Return the zoo's row of `name`, None for a network from outside the zoo.

    >>> known("mypkg.nets:tiny") is None
    True
    """
    return _BY_NAME.get(name)


def entry(name: str) -> ModelEntry:
    """Return the zoo's row of `name`.

    Raises:
        UnknownModelError: the zoo has none.

    >>> entry("segfast").published.forward_s
    0.389
    """
    row = known(name)
    if row is None:
        raise _unknown(name)
    return row


def check_name(name: str) -> None:
    """Refuse a name that no builder can have; imports no network and no torch.

    An import string is judged by its form alone.

    Raises:
        UnknownModelError: `name` is no model, import string or entry point.

    >>> check_name("mypkg.nets:tiny")
    """
    if not (name in _BY_NAME or is_import_string(name) or name in entry_point_names()):
        raise _unknown(name)


def find_builder(name: str) -> Callable[..., object]:
    """Import the builder of a network of the zoo, an import string or an entry point.

    Raises:
        UnknownModelError: no builder goes by this name.
        ForbiddenImportError: nobody has allowed the import (:mod:`zoo.allowed`).
        BuilderError: it cannot be imported or called.

    >>> find_builder("segnet").__name__
    'segnet'
    """
    if name in _BY_NAME:
        return import_installed(_BY_NAME[name].builder)
    check_name(name)
    found = import_builder(name) if is_import_string(name) else load_entry_point(name)
    return from_options(found)


def published_ratio(candidate: str, baseline: str, figure: Figure) -> float | None:
    """Return the candidate's published figure over the baseline's, None where one is not printed.

    >>> round(published_ratio("fcn8s", "segfast", "forward_s"), 1)
    8.7
    >>> published_ratio("segnet-basic", "segfast", "forward_s") is None
    True
    """
    if figure not in get_args(Figure):
        raise ValueError(f"no published figure {figure!r} (figures: {', '.join(get_args(Figure))})")
    rows = known(candidate), known(baseline)
    printed = [row.published for row in rows if row is not None and row.published is not None]
    if len(printed) < len(rows):
        return None
    above, below = (float(getattr(published, figure)) for published in printed)
    return above / below


def _unknown(name: str) -> UnknownModelError:
    if ":" in name:
        return UnknownModelError(
            f"{name!r} is no import string; write package.module:builder, as in mypkg.nets:tiny"
        )
    names = (*models(), *entry_point_names())
    if "/" in name or os.sep in name:
        return UnknownModelError(
            f"there is no run, file of weights or JSON file {name!r}, and a model has no slash in "
            f"its name (models: {', '.join(names)}, or package.module:builder)"
        )
    return UnknownModelError(
        f"unknown model {name!r}{did_you_mean(name, names)} (models: {', '.join(names)}, "
        "or package.module:builder)"
    )
