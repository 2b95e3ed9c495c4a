"""Images that a caller gave in Python: no file can tell where they are."""

from hptjax.data.dataset import ImageDataset
from hptjax.data.request import NoSplitError, Request


def load_memory(request: Request) -> ImageDataset:
    """Images that a caller gave in Python; to resume a run, give them again.

    Raises NoSplitError, which says so.
    """
    raise NoSplitError(
        "data source memory: these images were given in Python; give them again, as in "
        "hptjax.tune(model, (X, y), ...), or save them and write npz:PATH."
    )
