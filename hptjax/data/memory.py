"""Images that a caller gave in Python: no file can say where they are."""

from hptjax.data.dataset import ImageDataset
from hptjax.data.request import NoSplitError, Request


def load_memory(request: Request) -> ImageDataset:
    """Raises NoSplitError, which says by whom the images must be given."""
    raise NoSplitError(
        "data source memory: these images were given in Python; give them again, as in "
        "hptjax.tune(model, (X, y), ...), or save them and write npz:PATH."
    )
