"""The Differential Evolution Strategy (Arabas and Jagodzinski 2020), from the package hptjax."""

from hptjax.des import DESSampler

__all__ = ["DESSampler"]
