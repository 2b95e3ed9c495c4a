"""Other ways to train a population, for side-by-side benchmarks.

Each module has `run(members, images, labels, *, steps, ...) -> Timing`: members are dicts in the
original study's form, images uint8 [N, H, W, C], labels [N]. Every member takes `steps` optimiser
steps on the same batches (`common.batch_starts`), without augmentation; building, compiling and
warming up are not in the seconds. `original_pipeline` alone measures something else: an epoch of
the original's input pipeline. `python -m experiments.benchmarks.peers` runs one in its own process.
"""
