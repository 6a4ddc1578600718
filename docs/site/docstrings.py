"""Show docstrings as Markdown has it: a griffe extension for the site."""

from __future__ import annotations

import re

from griffe import Extension, Object

EXAMPLE = re.compile(r"^>>> .*?(?=\n\n|\Z)", re.DOTALL | re.MULTILINE)
ROLE = re.compile(r":(?:attr|class|data|func|meth|mod):(?=`)")


class Docstrings(Extension):
    """Put a fence around each example, which has no heading, and leave out roles of Sphinx."""

    def on_object(self, *, obj: Object, **_: object) -> None:
        """Change one docstring before it is rendered."""
        if obj.docstring is not None:
            plain = ROLE.sub("", obj.docstring.value)
            obj.docstring.value = EXAMPLE.sub(r"```pycon\n\g<0>\n```", plain)
