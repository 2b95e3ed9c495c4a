"""Images that a caller gave in Python: no file can tell where they are."""

from hptjax.data.dataset import ImageDataset
from hptjax.data.request import NoSplitError, Request


def load_memory(request: Request) -> ImageDataset:
    """Refuses to load images given in Python: a resumed run must get them again.

    Raises NoSplitError, which says how.
    """
    raise NoSplitError(
        "data source memory: these images were given in Python; give them again, as in "
        "hptjax.tune(model, (X, y), ...), or save them and write npz:PATH."
    )
