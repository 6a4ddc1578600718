"""Channels that stand or fall together are found, and a cut network computes what is left."""

import pytest
import torch
from torch import nn

import zoo
from segbench.compression.channels import choose, find_channels, importances
from segbench.compression.narrowing import narrowed
from segbench.compression.prune import prune
from segbench.errors import UsageError
from segbench.runtimes.norm_statistics import fill_statistics
from zoo.spec import ModelSpec

# What pruning says of the zoo's networks that it cannot cut, each for one share.
CANNOT = {
    "fcn8s": "has no option for its width",
    "segnet": "has no option for its width",
    "segnet-basic": "has no option for its width",
    "enet": "must stay",  # its pooling hands out places, and it pads channels
    "cgnet": "must stay",  # its gates are linear layers
    "bisenetv2": "must stay",  # its depthwise convolutions make more channels than they take
    "topformer-tiny": "its channels cannot be found",  # attention loops over tensors
}


def trained(spec):
    torch.manual_seed(0)
    network = zoo.build(spec).eval()
    fill_statistics(network, seed=0)
    return network


@pytest.mark.parametrize("share", [0.75, 0.4])
@pytest.mark.parametrize("name", [name for name in zoo.models() if name not in CANNOT])
def test_a_network_cut_to_a_share_is_proven_to_compute_what_is_left(name, share):
    spec = ModelSpec(name, {"classes": 5})
    network, images = trained(spec), torch.randn(1, 3, 64, 64)
    if (name, share) == ("lraspp-small", 0.4):  # 40 and 48 channels both become 16
        with pytest.raises(UsageError, match="as where a shortcut begins"):
            prune(network, narrowed(spec, share), images)
        return
    found = prune(network, narrowed(spec, share), images)
    with torch.no_grad():
        assert found(images).shape == network(images).shape
    counts = [sum(each.numel() for each in net.parameters()) for net in (network, found)]
    assert counts[1] < (0.8 * share + 0.2) * counts[0]


@pytest.mark.parametrize("name", CANNOT)
def test_what_cannot_be_cut_is_said(name):
    spec = ModelSpec(name, {"classes": 5})
    with pytest.raises(UsageError, match=CANNOT[name]):
        prune(trained(spec), narrowed(spec, 0.5), torch.randn(1, 3, 64, 64))


class Joined(nn.Module):
    """Two branches side by side, added to a third, and gated."""

    def __init__(self, width=8):
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.left, self.right = nn.Conv2d(width, width, 1), nn.Conv2d(width, width, 1)
        self.both = nn.Conv2d(width, 2 * width, 1)
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(2 * width, 2 * width, 1))
        self.up = nn.ConvTranspose2d(2 * width, 4, 2, stride=2)

    def forward(self, images):
        x = self.stem(images)
        wide = torch.cat((self.left(x), self.right(x)), dim=1) + self.both(x)
        return self.up(wide * self.gate(wide).sigmoid())


def test_what_is_added_and_weighed_stands_or_falls_together():
    found = find_channels(Joined(), torch.zeros(1, 3, 8, 8))
    roots = {name: [found.root(each) for each in made] for name, made in found.made.items()}
    assert roots["left"] + roots["right"] == roots["both"] == roots["gate.1"]
    assert len(set(roots["both"])) == 16
    assert not set(roots["stem"]) & set(roots["both"])
    assert set(roots["up"]) <= found.kept


def test_the_channels_with_the_largest_weights_stay():
    network = Joined()
    with torch.no_grad():
        for weight in network.parameters():
            weight.fill_(0.01)
        for at in (1, 4):
            network.stem.weight[at] = 1.0
            network.left.weight[at] = 1.0
            network.both.weight[at] = 1.0
        network.right.weight[6] = 1.0
        network.both.weight[8 + 6] = 1.0
        network.right.weight[7] = 0.5
        network.both.weight[8 + 7] = 0.5
    found = find_channels(network, torch.zeros(1, 3, 8, 8))
    widths = {"stem": 2, "left": 2, "right": 2, "both": 4, "gate.1": 4, "up": 4}
    stay = choose(found, importances(found, network.state_dict()), widths)
    places = {
        name: [at for at, each in enumerate(made) if found.root(each) in stay]
        for name, made in found.made.items()
    }
    assert places["stem"] == [1, 4]
    assert places["both"] == [1, 4, 14, 15]
    assert (places["left"], places["right"], places["up"]) == ([1, 4], [6, 7], [0, 1, 2, 3])


def test_widths_that_do_not_fit_together_are_refused():
    found = find_channels(Joined(), torch.zeros(1, 3, 8, 8))
    widths = {"stem": 8, "left": 4, "right": 4, "both": 5, "gate.1": 5, "up": 4}
    with pytest.raises(UsageError, match="convolution 'both' cannot be 5 channels wide"):
        choose(found, dict.fromkeys(range(100), 1.0), widths)


class Grouped(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 1)
        self.grouped = nn.Conv2d(8, 8, 3, groups=2)
        self.shared = nn.Conv2d(8, 8, 1)
        self.head = nn.Conv2d(8, 5, 1)

    def forward(self, images):
        return self.head(self.shared(self.shared(self.grouped(self.stem(images)))))


def test_what_is_not_understood_keeps_its_channels():
    found = find_channels(Grouped(), torch.zeros(1, 3, 8, 8))
    assert found.made.keys() == {"stem", "head"}
    assert {found.root(each) for made in found.made.values() for each in made} <= found.kept
