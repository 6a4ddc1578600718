"""Budgets: limits on what a network may cost, checked so that a build may fail on them."""
