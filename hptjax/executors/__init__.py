"""Executors train the members of a study: on this machine, by Ray, or by replaying a run."""
