"""Training: a job, the recipe it follows, the loop, and the folder that holds a run."""
