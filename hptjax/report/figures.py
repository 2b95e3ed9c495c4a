"""The report's still pictures: which there are for some runs, and their files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

FORMATS = ("png", "svg", "pdf")
WIDTH, HEIGHT = 5.2, 3.4  # inches: a column of a paper, or half of the page
DOTS = 130  # per inch: sharp enough for the page, and small


@dataclass(frozen=True)
class Picture:
    """A picture to be drawn; draw fills the one Axes that it is given."""

    name: str
    caption: str
    draw: Callable[[Any], object]
    width: float = WIDTH
    height: float = HEIGHT


def render(picture: Picture) -> Figure:
    """Draws a picture, without any state of pyplot."""
    figure = Figure(figsize=(picture.width, picture.height), layout="constrained")
    FigureCanvasAgg(figure)
    picture.draw(figure.add_subplot())
    return figure


def write_pictures(
    pictures: Sequence[Picture], folder: Path, formats: Sequence[str] = ("png",)
) -> list[tuple[Picture, bytes]]:
    """Writes NAME.png, .svg and .pdf as asked for; gives each picture as PNG too."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for picture in pictures:
        figure = render(picture)
        png = BytesIO()
        figure.savefig(png, format="png", dpi=DOTS)
        made.append((picture, png.getvalue()))
        for kind in formats:
            path = folder / f"{picture.name}.{kind}"
            if kind == "png":
                path.write_bytes(png.getvalue())
            else:
                figure.savefig(path, format=kind)
    return made
