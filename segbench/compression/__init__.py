"""A smaller network from a trained one. One file a step."""
