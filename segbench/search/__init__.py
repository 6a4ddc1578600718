"""Search for networks that are both accurate and fast."""
