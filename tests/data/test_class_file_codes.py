"""Labels of one's own folder: numbers or colours, whichever they mean, and never by chance."""

import json

import numpy as np
import pytest
from PIL import Image
from small_copies import plane, write_colors, write_image, write_indices

from segbench.data.errors import DataError
from segbench.data.folder import open_folder
from segbench.data.mapillary import open_mapillary
from segbench.data.scenes import VOID

# floor, wall and door; void has no row of its own
ROWS = {"floor": (10, 20, 30), "wall": (200, 0, 0), "door": (0, 90, 0)}
FLOOR, WALL, DOOR = ROWS.values()
SCENE = plane(0, 1, 2)  # the classes of the pixels of every label here


def table(rows, *, values=None):
    """Return a class file."""
    heading = "name,value,red,green,blue" if values else "name,red,green,blue"
    lines = [
        ",".join(map(str, (name, *([values[name]] if values else []), *color)))
        for name, color in rows.items()
    ]
    return "\n".join([heading, *lines]) + "\n"


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "house"
    folder.mkdir()
    (folder / "classes.csv").write_text(table(ROWS))
    return folder


def mode_of(path):
    with Image.open(path) as picture:
        return picture.mode


def converted(path, mode, target):
    with Image.open(path) as picture:
        picture.convert(mode).save(target)


def write_palette(path, values, palette):
    """Write numbers with the colours that a palette gives them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(np.asarray(values, np.uint8))
    picture.putpalette([part for color in palette for part in color])
    picture.save(path)
    assert mode_of(path) == "P"


def read(home, name="a"):
    write_image(home / "train/images" / f"{name}.png")
    scenes = {scene.name: scene for scene in open_folder(home).splits["train"]}
    return scenes[name].label()


def refusal(home, name="a"):
    with pytest.raises(DataError) as caught:
        read(home, name)
    return str(caught.value)


UNSORTED = "give its palette the colours of the class file, or the class file a column 'value'"


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0), (2, 1, 0)])
def test_a_palette_in_any_order_is_read_by_its_colours(home, order):
    colors = list(ROWS.values())
    stored = np.argsort(order)[SCENE]  # where each class has come to in the palette
    write_palette(home / "train/labels/a.png", stored, [colors[number] for number in order])
    np.testing.assert_array_equal(read(home), SCENE)


def test_a_palette_without_the_classes_that_are_not_seen_is_read_by_its_colours(home):
    write_palette(home / "train/labels/a.png", plane(0, 1), [DOOR, WALL])
    np.testing.assert_array_equal(read(home), plane(2, 1))


def test_a_palette_of_the_classes_and_of_other_colours_is_refused(home):
    write_palette(home / "train/labels/a.png", SCENE, [FLOOR, (199, 7, 0), DOOR])
    assert refusal(home) == (
        f"label {str(home / 'train/labels/a.png')!r} may mean numbers or colours: it shows the "
        "number 1 in the colour (199, 7, 0), and the class file has (200, 0, 0) for this number; "
        f"{UNSORTED} with the number of each class"
    )


def test_a_palette_of_colours_that_are_nearly_those_of_classes_is_refused(home):
    near = [(r + 2, g, b) for r, g, b in (DOOR, FLOOR, WALL)]  # a program has put in its own
    write_palette(home / "train/labels/a.png", SCENE, near)
    assert UNSORTED in refusal(home)


@pytest.mark.parametrize(
    "palette",
    [
        [(number, number, number) for number in range(256)],  # a ramp of grey
        [(255 - 7 * number, 40, 3 * number) for number in range(30)],  # colours of no class
    ],
)
def test_a_palette_that_has_no_class_colours_shows_numbers(home, palette):
    write_palette(home / "train/labels/a.png", SCENE, palette)
    np.testing.assert_array_equal(read(home), SCENE)


def voc_palette():
    """Return the palette of PASCAL VOC: bits of the number spread over red, green and blue."""
    colors = []
    for number in range(256):
        color, rest = [0, 0, 0], number
        for shift in range(7, -1, -1):
            for channel in range(3):
                color[channel] |= (rest >> channel & 1) << shift
            rest >>= 3
        colors.append(tuple(color))
    return colors


def test_the_numbers_and_the_void_border_of_pascal_voc_are_read(home):
    palette = voc_palette()
    assert palette[1], palette[VOID] == ((128, 0, 0), (224, 224, 192))
    (home / "classes.csv").write_text(table({f"c{n}": palette[n] for n in range(21)}))
    write_palette(home / "train/labels/a.png", plane(0, 1, 15, 255, 20), palette)
    np.testing.assert_array_equal(read(home), plane(0, 1, 15, VOID, 20))


@pytest.mark.parametrize("values", [(0, 1, 255), (1, 255), (255,)])
def test_void_in_the_colour_of_a_class_that_the_palette_has_besides_is_void(home, values):
    """Masks of ``segbench predict`` show void in black, which is often a class too."""
    (home / "classes.csv").write_text(table({"background": (0, 0, 0), "wall": WALL}))
    palette = [(0, 0, 0), WALL, *[(0, 0, 0)] * 254]
    write_palette(home / "train/labels/a.png", plane(*values), palette)
    np.testing.assert_array_equal(read(home), plane(*values))


def test_a_mask_of_predict_can_be_a_label(home):
    from segbench.data.painting import mask

    label = np.asarray(plane(2, 0, VOID, 1), np.uint8)
    write_indices(home / "train/labels/a.png", SCENE)
    read(home)
    mask(label, open_folder(home).classes).save(home / "train/labels/b.png")
    np.testing.assert_array_equal(read(home, "b"), label)


BLACK_AND_WHITE = table({"background": (0, 0, 0), "wall": (255, 255, 255)})


@pytest.mark.parametrize("mode", ["L", "LA", "1", "RGB", "P"])
def test_a_mask_of_black_and_white_is_read_where_these_are_class_colours(home, mode):
    (home / "classes.csv").write_text(BLACK_AND_WHITE)
    path = home / "train/labels/a.png"
    path.parent.mkdir(parents=True)
    Image.fromarray((plane(0, 1, 1, 0) * 255).astype(np.uint8)).convert(mode).save(path)
    assert mode_of(path) == mode
    np.testing.assert_array_equal(read(home), plane(0, 1, 1, 0))


def test_255_is_void_beside_labels_that_are_numbers_without_doubt(home):
    (home / "classes.csv").write_text(BLACK_AND_WHITE)
    write_indices(home / "train/labels/a.png", plane(0, 255))
    write_image(home / "val/images/z.png")
    write_indices(home / "val/labels/z.png", plane(0, 1, 255))
    np.testing.assert_array_equal(read(home), plane(0, VOID))


def test_shades_of_grey_that_mean_both_in_one_dataset_are_refused(home):
    rows = {"background": (0, 0, 0), "wall": (255, 255, 255), "door": (128, 128, 128)}
    (home / "classes.csv").write_text(table(rows))
    write_indices(home / "train/labels/a.png", plane(0, 255))
    write_indices(home / "train/labels/b.png", plane(0, 1, 2))
    write_indices(home / "train/labels/c.png", plane(0, 128))
    np.testing.assert_array_equal(read(home, "b"), plane(0, 1, 2))
    np.testing.assert_array_equal(read(home, "c"), plane(0, 2))
    assert refusal(home).startswith(
        f"label {str(home / 'train/labels/a.png')!r} may mean numbers or colours: it shows the "
        "number 255 in the colour (255, 255, 255), and the class file has no row of this number; "
    )


def test_a_column_of_values_says_what_each_number_is(home):
    (home / "classes.csv").write_text("name,value\nbackground,0\nwall,255\ndoor,7\n")
    write_indices(home / "train/labels/a.png", plane(0, 255, 7))
    np.testing.assert_array_equal(read(home), plane(0, 1, 2))
    write_indices(home / "train/labels/a.png", plane(1))
    assert refusal(home).endswith("which stands for no class (known: 0, 7, 255)")


def test_values_go_before_a_palette_in_other_colours_but_not_one_in_another_order(home):
    values = {"floor": 3, "wall": 1, "door": 2}
    (home / "classes.csv").write_text(table(ROWS, values=values))
    write_palette(home / "train/labels/a.png", plane(3, 1, 2), [(9, 9, 0), DOOR, (1, 2, 3), FLOOR])
    np.testing.assert_array_equal(read(home), plane(0, 1, 2))
    write_palette(home / "train/labels/a.png", plane(3, 1, 2), [(9, 9, 0), DOOR, WALL, FLOOR])
    assert refusal(home) == (
        f"label {str(home / 'train/labels/a.png')!r} has a palette in another order: it shows the "
        "number 1 in the colour (0, 90, 0), and the class of this number has (200, 0, 0); take the "
        "label as it was published"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,value\na,x\n", "line 2 has the value 'x'; write a number from 0 to 65535"),
        ("name,value\na,65536\n", "line 2 has the value '65536'; write a number from 0 to 65535"),
        ("name,value\na,-1\n", "line 2 has the value '-1'; write a number from 0 to 65535"),
        (
            "name,value\na,4\nb,4\n",
            "line 3 has the value 4, which is that of line 2; give each class a value of its own",
        ),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_its_line(home, text, words):
    (home / "classes.csv").write_text(text)
    with pytest.raises(DataError) as caught:
        open_folder(home)
    assert str(caught.value) == f"{home / 'classes.csv'}: {words}"


def write_modes(home):
    """Write the same label once in each mode that a label may have."""
    labels = home / "train/labels"
    write_colors(labels / "rgb.png", np.asarray(list(ROWS.values()))[SCENE])
    converted(labels / "rgb.png", "RGBA", labels / "rgba.png")
    write_indices(labels / "grey.png", SCENE)
    converted(labels / "grey.png", "LA", labels / "la.png")
    Image.fromarray(SCENE.astype(np.uint16)).save(labels / "deep.png")
    write_palette(labels / "palette.png", (SCENE + 1) % 3, [DOOR, FLOOR, WALL])
    names = [path.stem for path in sorted(labels.iterdir())]
    for name in names:
        write_image(home / "train/images" / f"{name}.png")
    return names


def test_each_label_of_a_folder_is_read_by_its_own_mode(home):
    for name in write_modes(home):
        np.testing.assert_array_equal(read(home, name), SCENE, err_msg=name)


def test_labels_that_differ_in_form_are_a_remark_of_a_check(home, here):
    write_modes(home)
    target = home.parent / "found.json"
    code, out, _ = here("data", "check", str(home), "--output", str(target))
    assert (code, out.splitlines()[0]) == (0, "house: 6 scenes, 1 remark")
    found = json.loads(target.read_text())
    assert found["problems"] == []
    [remark] = found["remarks"]
    assert remark == (
        "the labels differ in form, and each is read by its own: 2 in colours (RGB), "
        "2 in shades of grey (L), 1 in 16 bits of grey (I;16), 1 with a palette (P)"
    )


@pytest.mark.parametrize("order", [("grey", "seen"), ("seen", "grey")])
def test_forms_of_as_many_labels_are_told_by_name_whichever_was_read_first(home, order):
    write_indices(home / "train/labels/grey.png", SCENE)
    write_palette(home / "train/labels/seen.png", SCENE, [FLOOR, WALL, DOOR])
    for name in order:
        write_image(home / "train/images" / f"{name}.png")
    dataset = open_folder(home)
    scenes = {scene.name: scene for scene in dataset.splits["train"]}
    for name in order:
        scenes[name].label()
    [note] = scenes["grey"].codes.notes()
    assert note == (
        "the labels differ in form, and each is read by its own: 1 in shades of grey (L), "
        "1 with a palette (P)"
    )


def test_a_label_that_is_transparent_somewhere_is_refused(home):
    path = home / "train/labels/a.png"
    pixels = np.zeros((4, 6, 4), np.uint8)
    pixels[..., :3], pixels[..., 3] = FLOOR, 255
    pixels[2, 5] = 0
    write_colors(path, pixels)
    assert refusal(home) == (
        f"label {str(path)!r} is transparent at row 2, column 5, which stands for no class; save "
        "it without transparency"
    )


def test_the_order_of_a_palette_is_seen_in_datasets_that_have_colours(root):
    """Of Vistas too, whose configuration has them: only the same colours elsewhere are refused."""
    colors = [[165, 42, 42], [196, 196, 196], [70, 100, 150]]
    labels = [
        {"name": f"c{n}", "readable": "", "color": color, "evaluate": True}
        for n, color in enumerate(colors)
    ]
    (root / "mapillary").mkdir(parents=True)
    (root / "mapillary/config.json").write_text(json.dumps({"labels": labels}))
    path = root / "mapillary/training/labels/a.png"
    write_image(root / "mapillary/training/images/a.png")
    write_palette(path, SCENE, colors)
    [scene] = open_mapillary(root).splits["train"]
    np.testing.assert_array_equal(scene.label(), SCENE)
    write_palette(path, SCENE, colors[::-1])
    with pytest.raises(DataError) as caught:
        scene.label()
    assert str(caught.value) == (
        f"label {str(path)!r} has a palette in another order: it shows the number 0 in the colour "
        "(70, 100, 150), and the class of this number has (165, 42, 42); take the label as it was "
        "published"
    )
