"""A builder in words: its docstring, and its options with defaults, values and notes."""

from functools import partial

import pytest
from torch import nn

import zoo
from zoo.described import Option, describe


@pytest.mark.parametrize("name", zoo.models())
def test_every_option_of_the_zoo_has_a_default_values_and_a_note(name):
    described = describe(zoo.find_builder(name))
    assert described.paragraphs[0].startswith("Build ")
    assert described.options[0].name == "classes"
    for option in described.options:
        assert option.default is not None
        assert option.takes is not None
        assert option.note is not None
    assert not described.takes_any


def test_a_partial_builder_has_its_own_defaults_and_the_text_of_what_it_calls():
    def net(*, classes: int = 5, kind: str = "wide"):
        """Build it.

        Args:
            classes: channels.
        """

    described = describe(partial(net, kind="deep"))
    assert described.paragraphs == ("Build it.",)
    assert [option.default for option in described.options] == ["5", "deep"]
    assert [option.note for option in described.options] == ["channels.", None]


def test_a_class_is_described_by_itself_and_not_by_its_base():
    class Net(nn.Module):
        def __init__(self, classes, *, act: type[nn.Module] = nn.ReLU, **others):
            super().__init__()
            self.given = classes, act, others

    described = describe(Net)
    assert described.paragraphs == ()
    first, second = described.options
    assert first == Option(name="classes", default=None, takes=None, note=None)
    assert second.default == "ReLU"
    assert described.takes_any


def test_notes_end_with_their_section_and_paragraphs_before_examples():
    def net(*, a=1, b=2, c=3):
        """Build it,
        on two lines.

        In ``double`` and :class:`marked` words.

        >>> net()

        Args:
            a (int): of one
                and two lines: so
            b: its own.

                After a gap.
            c:

        Raises:
            c: no note.
        """

    described = describe(net)
    assert described.paragraphs == ("Build it, on two lines.", "In double and marked words.")
    assert [option.note for option in described.options] == [
        "of one and two lines: so",
        "its own. After a gap.",
        None,
    ]


@pytest.mark.parametrize("text", [None, "", "\n\n", 3, "Args:", "Args:\nx: no indent", "  Args:\n"])
def test_a_docstring_that_says_nothing_is_no_matter(text):
    def net(x=1): ...

    net.__doc__ = text
    assert describe(net).options[0].note is None


def test_what_has_no_signature_takes_anything():
    described = describe(dict)
    assert described.options == ()
    assert described.takes_any
