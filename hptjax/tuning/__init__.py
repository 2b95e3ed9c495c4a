"""`hptjax.tune` and `hptjax.run`: the calls, their results, and studies in run directories."""
