"""Training: jobs, recipes, the loop, run folders, and evaluation of what was trained."""
