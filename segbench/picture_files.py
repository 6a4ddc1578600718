"""Pictures written as whole files, in the format that their ending names."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image

from segbench.errors import UsageError
from segbench.store import write_bytes

if TYPE_CHECKING:
    from pathlib import Path


def write_picture(path: Path, picture: Image.Image, *, force: bool) -> None:
    """Write a picture so that its file is either there as a whole or as it was before.

    Raises:
        UsageError: the ending names no format, or the file cannot be written.
    """
    form = Image.registered_extensions().get(path.suffix.lower())
    if form is None or form not in Image.SAVE:
        raise UsageError(
            f"no format for pictures belongs to the ending of {str(path)!r}; end it in .png or .jpg"
        )
    content = io.BytesIO()
    picture.save(content, form)
    write_bytes(path, content.getvalue(), force=force)
