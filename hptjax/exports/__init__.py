"""Trained networks in the formats of other programs; `hptjax.models.formats` is their table.

`lower` turns the layers into a few kinds of operations, which `onnx` and `torch` write.
"""
