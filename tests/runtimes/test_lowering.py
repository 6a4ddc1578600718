"""Lowering: every rewriting is equal, and what cannot be rewritten exactly is left."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from segbench.results.profile import Lowering
from segbench.runtimes import REWRITINGS
from segbench.runtimes.class_maps import first_of_largest
from segbench.runtimes.lowering import lower, lower_argmax
from segbench.runtimes.norm_statistics import fill_statistics
from segbench.runtimes.up_convolutions import UpConvolution

FEW = settings(max_examples=25, deadline=None)
TYPES = st.sampled_from([torch.float64, torch.float32])
NEAR = {torch.float64: 1e-10, torch.float32: 1e-5}
SMALL = st.integers(1, 3)


def images_for(channels, kind, size=(7, 9)):
    return torch.randn(2, channels, *size, generator=torch.Generator().manual_seed(1)).to(kind)


def assert_lowered(network, images, *rewritings):
    """Assert that it returns the same, and return what was done and the kinds of its modules."""
    network = network.to(images.dtype).eval()
    fill_statistics(network, seed=0)
    lowered, found = lower(network, images, rewritings or REWRITINGS)
    with torch.no_grad():
        expected = network(images)
        difference = (lowered(images) - expected).abs().max()
    assert difference <= NEAR[images.dtype] * expected.abs().max()
    assert (lowered is network) is not found.applied
    return found, [type(module) for module in lowered.modules()]


@st.composite
def convolutions(draw, modes=("zeros", "reflect", "replicate", "circular"), **fixed):
    """Draw a convolution of any kind for 4 channels: dense, in groups, depthwise."""
    chosen = {
        "kernel_size": draw(st.tuples(SMALL, SMALL)),
        "stride": draw(st.tuples(SMALL, SMALL)),
        "dilation": draw(st.tuples(SMALL, SMALL)),
        "padding": draw(st.tuples(st.integers(0, 2), st.integers(0, 2))),
        "groups": draw(st.sampled_from([1, 2, 4])),
        "bias": draw(st.booleans()),
        "padding_mode": draw(st.sampled_from(modes)),
        **fixed,
    }
    torch.manual_seed(draw(st.integers(0, 99)))
    return nn.Conv2d(4, draw(st.sampled_from([4, 8])), **chosen)


@st.composite
def transposed_convolutions(draw):
    """Draw a transposed convolution of any kind for 4 channels."""
    stride = draw(st.integers(1, 3))
    torch.manual_seed(draw(st.integers(0, 99)))
    return nn.ConvTranspose2d(
        4,
        draw(st.sampled_from([4, 8])),
        draw(st.tuples(SMALL, SMALL)),
        stride=stride,
        padding=draw(st.integers(0, 1)),
        output_padding=draw(st.integers(0, stride - 1)),
        groups=draw(st.sampled_from([1, 2, 4])),
        bias=draw(st.booleans()),
        dilation=draw(st.integers(2, 3)),
    )


def norm(channels, *, affine=True):
    return nn.BatchNorm2d(channels, affine=affine)


@FEW
@given(convolutions() | transposed_convolutions(), st.booleans(), TYPES)
def test_a_norm_after_a_convolution_of_any_kind_is_folded(conv, affine, kind):
    network = nn.Sequential(conv, norm(conv.out_channels, affine=affine), nn.ReLU())
    found, kinds = assert_lowered(network, images_for(4, kind), "batch-norms")
    assert found.applied == ("1 batch norm folded",)
    assert found.left == ()
    assert nn.BatchNorm2d not in kinds


@FEW
@given(
    convolutions(padding=0) | convolutions(modes=("reflect", "replicate", "circular")),
    st.booleans(),
    TYPES,
)
def test_a_norm_before_a_convolution_that_adds_no_zeros_is_folded(conv, affine, kind):
    network = nn.Sequential(nn.ReLU(), norm(4, affine=affine), conv)
    found, kinds = assert_lowered(network, images_for(4, kind), "batch-norms")
    assert found.applied == ("1 batch norm folded",)
    assert nn.BatchNorm2d not in kinds


@FEW
@given(convolutions(modes=("zeros",), padding=(1, 2)), st.booleans(), TYPES)
def test_a_norm_before_zeros_is_left_or_folded_with_a_map_that_knows_the_border(conv, affine, kind):
    network = nn.Sequential(nn.ReLU(), norm(4, affine=affine), conv)
    left, _ = assert_lowered(network, images_for(4, kind), "batch-norms")
    assert left.applied == ()
    assert left.left == ("1 batch norm: before a convolution that pads with zeros",)
    found, kinds = assert_lowered(network, images_for(4, kind), "padded-batch-norms")
    assert found.applied == ("1 batch norm folded with maps of their shifts",)
    assert found.left == ()
    assert nn.BatchNorm2d not in kinds


def test_a_norm_that_only_scales_is_folded_whatever_is_padded():
    scaling = norm(4)
    network = nn.Sequential(nn.ReLU(), scaling, nn.Conv2d(4, 8, 3, padding=1))
    scaling.running_var.fill_(3.0)
    found, kinds = assert_lowered(network, images_for(4, torch.float64), "batch-norms")
    assert found.applied == ("1 batch norm folded",)
    assert nn.BatchNorm2d not in kinds


@FEW
@given(
    size=SMALL,
    norms=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    biases=st.tuples(st.booleans(), st.booleans()),
    is_mirrored=st.booleans(),
    multiplier=st.integers(1, 2),
    kind=TYPES,
)
def test_a_separable_up_convolution_is_a_convolution_and_a_shuffle(
    size, norms, biases, is_mirrored, multiplier, kind
):
    width = 4 * multiplier
    if is_mirrored:
        pointwise = nn.Conv2d(6, 4, 1, bias=biases[0])
        up = nn.ConvTranspose2d(4, width, size, stride=size, groups=4, bias=biases[1])
        first, between, last, channels = pointwise, norm(4), up, 6
        after = norm(width)
    else:
        up = nn.ConvTranspose2d(4, width, size, stride=size, groups=4, bias=biases[0])
        pointwise = nn.Conv2d(width, 5, 1, bias=biases[1])
        first, between, last, channels = up, norm(width), pointwise, 4
        after = norm(5)
    parts = [norms[0] and norm(channels), first, norms[1] and between, last, norms[2] and after]
    network = nn.Sequential(*(part for part in parts if part), nn.ReLU())
    found, kinds = assert_lowered(network, images_for(channels, kind), "up-convolutions")
    assert found.applied == ("1 separable up-convolution as 1x1 convolution and pixel shuffle",)
    assert kinds[-4:] == [UpConvolution, nn.Conv2d, nn.PixelShuffle, nn.ReLU]


@FEW
@given(SMALL, st.booleans(), st.booleans(), TYPES)
def test_a_dense_up_convolution_is_a_convolution_and_a_shuffle(size, bias, has_norm, kind):
    up = nn.ConvTranspose2d(4, 6, size, stride=size, bias=bias)
    network = nn.Sequential(norm(4), up, norm(6) if has_norm else nn.ReLU())
    found, kinds = assert_lowered(network, images_for(4, kind), "dense-up-convolutions")
    assert found.applied == ("1 dense up-convolution as 1x1 convolution and pixel shuffle",)
    assert not {nn.BatchNorm2d, nn.ConvTranspose2d} & set(kinds)


@FEW
@given(
    stride=st.integers(1, 4),
    overlap=st.integers(1, 4),
    has_norm=st.booleans(),
    biases=st.tuples(st.booleans(), st.booleans()),
    kind=TYPES,
)
def test_an_overlapping_up_convolution_is_two_convolutions_and_a_shuffle(
    stride, overlap, has_norm, biases, kind
):
    padding = min(overlap, stride)
    kernel = stride + 2 * padding
    up = nn.ConvTranspose2d(5, 5, kernel, stride, padding, groups=5, bias=biases[1])
    network = nn.Sequential(
        nn.Conv2d(4, 5, 1, bias=biases[0]), norm(5) if has_norm else nn.Identity(), up
    )
    if not has_norm:
        del network[1]
    found, kinds = assert_lowered(network, images_for(4, kind), "overlapping-up-convolutions")
    assert found.applied == (
        "1 overlapping up-convolution as 1x1 and depthwise convolution and pixel shuffle",
    )
    assert kinds[-4:] == [UpConvolution, nn.Conv2d, nn.Conv2d, nn.PixelShuffle]


@pytest.mark.parametrize(
    ("up", "why"),
    [
        (nn.ConvTranspose2d(4, 4, 5, 2, 1, groups=4), "kernels do not overlap by the padding"),
        (nn.ConvTranspose2d(4, 4, 8, 2, 3, groups=4), "kernels do not overlap by the padding"),
        (
            nn.ConvTranspose2d(4, 4, (4, 6), 2, (1, 2), groups=4),
            "kernel, stride or padding is not square",
        ),
        (
            nn.ConvTranspose2d(4, 4, 4, 2, 1, output_padding=1, groups=4),
            "dilated, padded behind, or of several channels each",
        ),
        (
            nn.ConvTranspose2d(4, 8, 4, 2, 1, groups=4),
            "dilated, padded behind, or of several channels each",
        ),
    ],
)
def test_an_up_convolution_of_another_kind_is_left_with_the_reason(up, why):
    network = nn.Sequential(nn.Conv2d(4, 4, 1), up)
    found, _ = assert_lowered(network, images_for(4, torch.float64), "overlapping-up-convolutions")
    assert found.applied == ()
    assert found.left == (f"1 depthwise transposed convolution: {why}",)


@FEW
@given(st.integers(1, 256), st.integers(0, 2), st.sampled_from(["random", "equal", "few"]), TYPES)
def test_the_first_of_the_largest_is_what_argmax_says(count, dim, kind_of_values, kind):
    torch.manual_seed(count)
    shape = [3, 4, 5]
    shape[dim] = count
    values = {
        "random": torch.randn(shape),
        "equal": torch.full(shape, -2.0),
        "few": torch.randint(-2, 2, shape).double(),
    }[kind_of_values].to(kind)
    found = first_of_largest(values, dim)
    assert found.dtype == torch.uint8
    # numpy promises the first of equals; torch does not
    assert (found.numpy() == values.numpy().argmax(dim)).all()


def test_infinite_logits_have_a_class_and_what_is_no_number_has_the_first():
    inf, nan = float("inf"), float("nan")
    logits = torch.tensor([[-inf, -inf, 0.0], [1.0, inf, inf], [-inf, -inf, -inf], [1.0, nan, 2.0]])
    assert first_of_largest(logits, 1).tolist() == [2, 1, 0, 0]


class Cropped(nn.Module):
    """An up-convolution whose output is cropped, as by an odd size of the image."""

    def __init__(self, up, *, crop=(slice(1, 8), slice(0, 9))):
        super().__init__()
        self.body, self.crop = nn.Sequential(nn.ReLU(), *up), crop

    def forward(self, x):
        return self.body(x)[..., *self.crop]


@FEW
@given(
    size=st.integers(1, 3),
    overlaps=st.booleans(),
    crops=st.booleans(),
    bias=st.booleans(),
    classes=st.integers(2, 7),
)
def test_classes_are_found_before_the_shuffle(size, overlaps, crops, bias, classes):
    torch.manual_seed(classes)
    padding = size if overlaps else 0
    pointwise = nn.Conv2d(4, classes, 1, bias=bias)
    up = nn.ConvTranspose2d(
        classes, classes, size + 2 * padding, size, padding, groups=classes, bias=bias
    )
    network = Cropped(
        [pointwise, up], crop=(slice(1, 6), slice(0, 5)) if crops else (slice(None),) * 2
    )
    images = images_for(4, torch.float64)
    network = network.double().eval()
    lowered, _ = lower(network, images, ("overlapping-up-convolutions", "up-convolutions"))
    found, how = lower_argmax(lowered, images, bare=lowered)
    assert how == Lowering(("argmax as two maxima, before the last pixel shuffle",), ())
    assert found(images).equal(network(images).argmax(1).to(torch.uint8))


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.Conv2d(4, 5, 1), nn.PixelShuffle(1)),
        Cropped([nn.Conv2d(4, 5, 1), nn.ConvTranspose2d(5, 5, 2, 2, groups=5), nn.Sigmoid()]),
        Cropped(
            [nn.Conv2d(4, 5, 1), nn.ConvTranspose2d(5, 5, 2, 2, groups=5)],
            crop=(slice(0, 8, 2), slice(0, 9)),
        ),
    ],
    ids=["a shuffle of its own", "something follows", "every second row"],
)
def test_classes_are_found_last_where_a_shuffle_does_not_come_last(network):
    images = images_for(4, torch.float32)
    lowered, _ = lower(network.eval(), images, ("up-convolutions",))
    found, how = lower_argmax(lowered, images, bare=lowered)
    assert how == Lowering(("argmax as two maxima",), ())
    assert found(images).equal(network(images).argmax(1).to(torch.uint8))


class Branches(nn.Module):
    """A norm whose output a 1x1 convolution and another norm read, as in a spark module."""

    def __init__(self, padding):
        super().__init__()
        self.norm = norm(4)
        self.one = nn.Conv2d(4, 5, 1)
        self.three = nn.Sequential(norm(4), nn.Conv2d(4, 4, 3, padding=padding, groups=4))

    def forward(self, x):
        x = self.norm(x)
        three = self.three(x)
        return torch.cat((self.one(x)[..., : three.shape[-2], : three.shape[-1]], three), dim=1)


@pytest.mark.parametrize(("padding", "folded", "left"), [(0, 2, 0), (1, 1, 1)])
def test_a_norm_is_folded_into_all_that_read_it(padding, folded, left):
    found, kinds = assert_lowered(
        Branches(padding), images_for(4, torch.float64), "up-convolutions", "batch-norms"
    )
    assert found.applied == (f"{folded} batch norm{'s' * (folded != 1)} folded",)
    assert kinds.count(nn.BatchNorm2d) == left


class ChangesInPlace(nn.Module):
    """What the norm reads is changed before the convolution behind the norm is called."""

    def __init__(self):
        super().__init__()
        self.norm, self.conv = norm(4), nn.Conv2d(4, 4, 1)

    def forward(self, x):
        x = x + 1
        normed = self.norm(x)
        x.relu_()
        return self.conv(normed) + x


def test_a_folded_convolution_reads_what_its_norm_read():
    found, _ = assert_lowered(ChangesInPlace(), images_for(4, torch.float64))
    assert found.applied == ("1 batch norm folded",)


class Twice(nn.Module):
    """One convolution that is called twice, each time with a norm of its own."""

    def __init__(self):
        super().__init__()
        self.conv, self.first, self.second = nn.Conv2d(4, 4, 1), norm(4), norm(4)

    def forward(self, x):
        return self.second(self.conv(torch.relu(self.first(self.conv(x)))))


class ReadsWeights(nn.Module):
    """A norm whose weights the network reads by itself."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(4, 4, 1), norm(4)

    def forward(self, x):
        return self.norm(self.conv(x)) * self.norm.weight.sum()


def _tied():
    network = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 1), norm(4))
    network[0].weight = network[2].weight
    return network


def _hooked():
    network = nn.Sequential(nn.Conv2d(4, 4, 1), norm(4))
    network[1].register_forward_hook(lambda *_: None)
    return network


def _training():
    network = nn.Sequential(nn.Conv2d(4, 4, 1), norm(4))
    network[1].train = lambda _: network[1]
    return network


NO_STATISTICS = nn.BatchNorm2d(4, track_running_stats=False)


class ReadTwice(nn.Module):
    """A norm before a convolution, whose output something else reads too."""

    def __init__(self):
        super().__init__()
        self.norm, self.conv = norm(4), nn.Conv2d(4, 4, 1)

    def forward(self, x):
        x = self.norm(x)
        return self.conv(x) + torch.relu(x)


@pytest.mark.parametrize(
    ("network", "left"),
    [
        (Twice(), ("2 batch norms: beside a convolution called more than once",)),
        (_tied(), ("1 batch norm: beside a convolution sharing its weights",)),
        (
            ReadTwice(),
            ("1 batch norm: beside a convolution, where others read the map between",),
        ),
        (_hooked(), ("1 batch norm: seen by hooks",)),
        (_training(), ("1 batch norm: in training mode",)),
        (ReadsWeights(), ("1 batch norm: with weights that others read",)),
        (
            nn.Sequential(nn.Conv2d(4, 4, 1), NO_STATISTICS),
            ("1 batch norm: normalising by each batch's own statistics",),
        ),
        (nn.Sequential(nn.ReLU(), norm(4), nn.ReLU()), ("1 batch norm: beside no convolution",)),
        (
            nn.Sequential(norm(4), nn.ConvTranspose2d(4, 5, 3, stride=2)),
            (
                "1 dense transposed convolution: kernel and stride differ",
                "1 batch norm: before a transposed convolution",
            ),
        ),
        (
            nn.Sequential(nn.ConvTranspose2d(4, 4, 2, stride=2, groups=4), nn.ReLU()),
            ("1 depthwise transposed convolution: beside no 1x1 convolution",),
        ),
        (
            nn.Sequential(nn.ConvTranspose2d(4, 4, (2, 3), stride=(2, 3), groups=4)),
            ("1 depthwise transposed convolution: kernel is not square",),
        ),
        (
            nn.Sequential(
                nn.ConvTranspose2d(4, 4, 2, stride=2, padding=1, groups=4), nn.Conv2d(4, 4, 1)
            ),
            ("1 depthwise transposed convolution: padded",),
        ),
    ],
    ids=[
        "called twice",
        "tied weights",
        "read twice",
        "hooked",
        "in training",
        "weights read",
        "no statistics",
        "no convolution",
        "overlapping",
        "no pointwise",
        "not square",
        "padded",
    ],
)
def test_what_cannot_be_rewritten_is_left_with_the_reason(network, left):
    found, _ = assert_lowered(network, images_for(4, torch.float64))
    assert found.applied == ()
    assert found.left == left


class Branching(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


class Mistaken(nn.Module):
    """Returns something else where its input is no tensor, as while it is traced."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(4, 4, 1), norm(4))

    def forward(self, x):
        found = self.body(x)
        return found if isinstance(found, torch.Tensor) else found * 2


def _hooked_container():
    network = nn.Sequential(nn.Sequential(nn.Conv2d(4, 4, 1), norm(4)), nn.ReLU())
    network[0].register_forward_pre_hook(lambda *_: None)
    return network


@pytest.mark.parametrize(
    ("network", "why"),
    [
        (
            Branching(),
            "TraceError: symbolically traced variables cannot be used as inputs to control flow",
        ),
        (
            Mistaken(),
            "1e+02 % of what it returned then differed by more than 1e-05 of the largest",
        ),
        (_hooked_container(), "ValueError: module '0' has hooks"),
    ],
    ids=["branching", "mistaken", "hooked"],
)
def test_a_network_that_cannot_be_traced_is_left_with_the_reason(network, why):
    found, _ = assert_lowered(network, images_for(4, torch.float64))
    assert found.applied == ()
    assert found.left == (f"not lowered: {why}",)


def test_the_network_itself_is_left_as_it_was():
    network = nn.Sequential(nn.Conv2d(4, 4, 1), norm(4)).train()
    fill_statistics(network, seed=0)
    before = copy.deepcopy(network.state_dict())
    lowered, found = lower(network, images_for(4, torch.float32))
    assert found.applied
    assert not lowered.training
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_outputs_by_name_are_returned_by_name():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(4, 4, 1), norm(4))

        def forward(self, x):
            found = self.body(x)
            return {"out": found, "aux": [functional.relu(found)]}

    network = Named().eval()
    images = images_for(4, torch.float32)
    lowered, found = lower(network, images)
    assert found.applied == ("1 batch norm folded",)
    assert lowered(images).keys() == {"out", "aux"}
    torch.testing.assert_close(lowered(images)["aux"][0], network(images)["aux"][0])
