"""What drives the step: the worker that reads the log and writes rows, rebuilds, and what could not be computed."""
