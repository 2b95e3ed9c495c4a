"""The size to which an image is scaled before its centre is cropped."""

from hptjax.errors import DataError

MOST_CROPPED = 10  # most by which the proportions may differ, as a factor


def covering_size(old: tuple[int, int], new: tuple[int, int], what: str) -> tuple[int, int]:
    """Returns the least size that covers the new size, in the old proportions; all (height, width).

    Raises DataError, which begins with `what`, if nearly all of the image would be cropped away.
    """
    (old_height, old_width), (height, width) = old, new
    ratio = old_height * width / (old_width * height)
    if max(ratio, 1 / ratio) > MOST_CROPPED:
        raise DataError(
            f"{what}: images of {old_height} x {old_width} pixels cannot become {height} x "
            f"{width}: more than {1 - 1 / MOST_CROPPED:.0%} of each would be cropped away; crop or "
            "pad them, or set model.init_length and model.init_width."
        )
    if height * old_width >= width * old_height:  # the height decides
        return height, max(int(old_width * height / old_height), width)
    return max(int(old_height * width / old_width), height), width
