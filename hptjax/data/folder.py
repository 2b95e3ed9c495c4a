"""The source folder:<path>: pictures in one folder for each class."""

from hptjax.data.dataset import ImageDataset
from hptjax.data.folder_files import read_folder
from hptjax.data.request import Request, Source
from hptjax.errors import DataError
from hptjax.paths import user_path


def folder_source(path: str) -> Source:
    """Pictures (PNG, JPEG, ...) in one folder for each class, or below train/, val/ and test/."""
    return lambda request: load_folder(path, request)


def load_folder(path: str, request: Request) -> ImageDataset:
    """Reads one part of a folder; a relative path is relative to data_dir, if that is given.

    Raises as `read_folder` does, and DataError if anything but classes is to be learned.
    """
    name = f"folder:{path}"
    if request.kind != "classes":
        raise DataError(
            f"{name}: its folders are classes, but {request.kind} are to be learned: write "
            "npz:PATH."
        )
    pictures = read_folder(
        user_path(request.data_dir or ".") / user_path(path),
        name,
        split=request.split,
        size=request.size,
        channels=request.channels,
        broken=request.broken,
        groups=request.groups,
        background=request.background,
        classes=request.classes,
        notify=request.notify,
    )
    return ImageDataset(
        pictures.images,
        pictures.labels,
        pictures.class_names,
        pictures.name,
        groups=pictures.groups,
        notify=request.notify,
    )
