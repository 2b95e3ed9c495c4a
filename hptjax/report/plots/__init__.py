"""Plots: arrays and an Axes in, the Axes out."""
