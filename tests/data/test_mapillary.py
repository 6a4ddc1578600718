"""Mapillary Vistas: indices into its own configuration, in both releases."""

import json

import pytest
from small_copies import plane, write_image, write_indices

from segbench.data.errors import DataError
from segbench.data.mapillary import open_mapillary, open_mapillary_v2
from segbench.data.scenes import VOID

LABELS = [
    {"name": "animal--bird", "readable": "Bird", "color": [165, 42, 42], "evaluate": True},
    {"name": "construction--barrier--curb", "color": [196, 196, 196], "evaluate": True},
    {"name": "void--ground", "color": [0, 0, 1], "evaluate": False},
    {"name": "object--pothole", "color": [70, 100, 150], "evaluate": True},
    {"name": "void--unlabeled", "color": [0, 0, 0], "evaluate": False},
]


def vistas(home, config, folder, *, labels=LABELS):
    home.mkdir(parents=True, exist_ok=True)
    (home / config).write_text(json.dumps({"labels": labels, "mapping": "public"}))
    for split in ("training", "validation"):
        write_image(home / split / "images" / f"{split[0]}.jpg")
        write_indices(home / split / folder / f"{split[0]}.png", plane(0, 1, 2, 3, 4), palette=True)


@pytest.mark.parametrize(
    ("config", "folder", "words"),
    [
        ("config.json", "labels", "release 1"),
        ("config_v1.2.json", "v1.2/labels", "release 2.0, labels 1.2"),
    ],
)
def test_the_pixel_is_an_index_whatever_the_palette_shows(root, config, folder, words):
    vistas(root / "mapillary", config, folder)
    dataset = open_mapillary(root)
    assert dataset.layout == f"{words}, in {root / 'mapillary'}"
    assert [each.name for each in dataset.classes] == [
        "animal--bird", "construction--barrier--curb", "object--pothole",
    ]  # fmt: skip
    for split in ("train", "val"):
        [scene] = dataset.splits[split]
        # classes that are not evaluated are void, and those after them move up
        assert scene.label().ravel()[:5].tolist() == [0, 1, VOID, 2, VOID]


def test_the_second_release_has_two_sets_of_labels_side_by_side(root):
    vistas(root, "config_v1.2.json", "v1.2/labels", labels=LABELS)
    vistas(root, "config_v2.0.json", "v2.0/labels", labels=[*LABELS[:4], LABELS[0] | {"name": "x"}])
    assert len(open_mapillary(root).classes) == 3
    assert len(open_mapillary_v2(root).classes) == 4


def test_an_index_beyond_the_configuration_is_an_error(root):
    vistas(root, "config.json", "labels", labels=LABELS[:3])
    with pytest.raises(DataError, match=r"has the value 3 at row 0, column 3, .* \(known: 0-2\)"):
        open_mapillary(root).splits["train"][0].label()


def label_with(**changes):
    return json.dumps({"labels": [LABELS[0] | changes]})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, "lists or objects stand in one another too deeply"),
        ("\xff", "it is not text"),
    ],
)
def test_a_configuration_that_cannot_be_read_is_named(root, text, words):
    vistas(root, "config.json", "labels")
    (root / "config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError) as caught:
        open_mapillary(root)
    path = str(root / "config.json")
    assert str(caught.value) == f"cannot read the configuration {path!r}: {words}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", " is damaged at labels: field required (1 such places)"),
        ('{"labels": 3}', " is damaged at labels: input should be a valid array (1 such places)"),
        ('{"labels": [3]}', " is damaged at labels.0: "),
        ('{"labels": [{"name": "a"}]}', " is damaged at labels.0.color: field required (2 such"),
        (label_with(color=[1, 2]), " is damaged at labels.0.color.2: field required (1 such"),
        (label_with(color=[1, 2, 256]), " is damaged at labels.0.color.2: input should be less"),
        (label_with(color="red"), " is damaged at labels.0.color: input should be a valid array"),
        (label_with(evaluate="no"), " is damaged at labels.0.evaluate: input should be a valid b"),
        (label_with(name=None), " is damaged at labels.0.name: input should be a valid string"),
        (
            label_with(evaluate=False),
            " has 1 labels, 0 of them evaluated; 1 to 254 can be told apart",
        ),
        (
            json.dumps({"labels": [LABELS[0], LABELS[0]]}),
            ": label 1 names the class 'animal--bird' again, which label 0 names; give each class",
        ),
        (
            json.dumps({"labels": [LABELS[0] | {"name": f"{n}"} for n in range(300)]}),
            " has 300 labels, 300 of them evaluated; 1 to 254 can be told apart",
        ),
    ],
)
def test_a_configuration_that_cannot_be_used_says_where(root, text, words):
    vistas(root, "config.json", "labels")
    (root / "config.json").write_text(text)
    with pytest.raises(DataError) as caught:
        open_mapillary(root)
    assert str(caught.value).startswith(f"the configuration {str(root / 'config.json')!r}{words}")


def test_the_first_release_has_no_labels_of_the_second(root):
    vistas(root, "config.json", "labels")
    with pytest.raises(
        DataError, match=r"it has no config_v2\.0\.json with training/v2\.0/labels/; ask"
    ):
        open_mapillary_v2(root)
