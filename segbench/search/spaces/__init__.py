"""Search spaces that come with segbench."""
