"""Trained networks in the forms of other programs; `hptjax.models.formats` is their table.

`lower` turns the layers into a few operations, which `onnx` and `torch` write in their own words.
"""
