"""One call for people: `hptjax.tune`, what it gives back, and how a study is run in a directory."""
