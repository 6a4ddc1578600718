"""Pages of the site that stand outside docs/: the README, the project's own pages, the studies.

Links are written as the repository has them (``../studies/README.md``), so that they work there
too. On the site what is in docs/ moves to the top, and links follow. A link to a study's module
goes to its docstring, on a page that has those of all.
"""

from __future__ import annotations

import ast
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ALONE = ("README.md", "getting-started.md")  # beside which there is nothing to list
OUTSIDE = ("*.md", "studies/**/*.md", "studies/**/*.png", "studies/**/*.json", "studies/*.csv")
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)\s#]+\.(?:md|png|json|csv|py))")
STUDY = re.compile(r"studies/(\w+)\.py")
MODULES = "studies/modules.md"
TOPIC = re.compile(r"^(Question|Source|Cost|Result): ", re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages outside docs/, at their path in the repository."""
    for pattern in OUTSIDE:
        for path in sorted(ROOT.glob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, name, abs_src_path=str(path)))
    files.append(File.generated(config, MODULES, content=modules_page()))
    files.append(File.generated(config, "site.css", abs_src_path=str(HERE / "site.css")))
    return files


def modules_page() -> str:
    """Return the docstrings of the studies, each topic of their heads in a paragraph of its own."""
    parts = ["# Modules"]
    for path in sorted(ROOT.glob("studies/[a-z]*.py")):
        name, tree = path.stem, ast.parse(path.read_text(encoding="utf-8"))
        said = TOPIC.sub(r"\n**\1:** ", ast.get_docstring(tree) or "")
        parts.append(f"## studies.{name} {{#studies.{name}}}\n\n{said}")
    return "\n\n".join(parts) + "\n"


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Turn a link between files of the repository into one between pages of the site."""
    here = page.file.src_uri
    if here in ALONE:
        page.meta["hide"] = ["navigation"]
    is_of_docs = (ROOT / "docs" / here).exists()
    folder = posixpath.dirname(f"docs/{here}" if is_of_docs else here)

    def moved(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, link[1])).removeprefix("docs/")
        study = STUDY.fullmatch(target)
        path = posixpath.relpath(MODULES if study else target, posixpath.dirname(here) or ".")
        return f"{path}#studies.{study[1]}" if study else path

    return LINK.sub(moved, markdown)
