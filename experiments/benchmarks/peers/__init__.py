"""Ways to train a population, behind one interface, for side-by-side benchmarks.

Each module has `prepare(task) -> Prepared`, which builds, compiles and warms up; every call of the
result's `run()` then trains all members for one round of `task.steps` optimiser steps each, on
batches of the same size and images, without augmentation, and returns its wall time.
`original_pipeline` alone measures something else: an epoch of the original's input pipeline.
`python -m experiments.benchmarks.peers` runs one in its own process.
"""
