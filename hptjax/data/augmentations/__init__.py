"""Augmentations of the training images: one file for each kind, and lists of them."""
