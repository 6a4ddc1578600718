"""``python -m segbench`` is the command ``segbench``."""

from __future__ import annotations

from segbench.cli import main

if __name__ == "__main__":
    main()
