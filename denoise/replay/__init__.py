"""One step of a run once more."""
