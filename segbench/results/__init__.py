"""Results: frozen types, figures drawn from samples, their files, and their reports."""
