"""The space of each config as a user of Optuna writes it: `candidate(trial, data)`, a file each."""
