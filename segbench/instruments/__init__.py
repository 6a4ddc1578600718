"""What a worker can be opened as: each instrument is one file and one row in the worker's table."""
