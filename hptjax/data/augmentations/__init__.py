"""Augmentations of the training images: one file a kind, and lists of them."""
