"""The parts of a run: each measures and returns its tables and words."""
