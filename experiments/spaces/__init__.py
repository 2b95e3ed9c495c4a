"""Spaces that people know, searched by hptjax and by what a user would run instead.

`python -m experiments.spaces NAME` runs both in turn. The other is PyTorch with Optuna; its modules
(peer, searching, training, augment, nets) need neither hptjax nor JAX.
"""
