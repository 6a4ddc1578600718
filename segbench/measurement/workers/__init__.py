"""Child processes that build and run networks, and their supervisor."""
