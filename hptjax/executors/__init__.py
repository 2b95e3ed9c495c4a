"""Who trains the members of a study: this machine, workers of Ray, or the record of a run."""
