"""Plots of a result: a notebook shows them, a script saves them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, repr=False)
class Plot:
    """A drawing of a result.

    Attributes:
        axes: matplotlib's axes, to be changed as one likes.
    """

    axes: "Axes"

    @property
    def figure(self) -> Any:
        """Matplotlib's figure."""
        return self.axes.get_figure(root=True)

    def save(self, path: str | Path) -> Path:
        """Writes it to a file.

        Args:
            path: its suffix, .png, .svg or .pdf, says the format.

        Returns:
            The path.
        """
        from hptjax.report.plots import save_axes

        return save_axes(self.axes, path)

    def __repr__(self) -> str:
        label = f" of {self.axes.get_ylabel()}" if self.axes.get_ylabel() else ""
        return f"<Plot{label}: a notebook shows it, .save('plot.png') writes it>"

    def _repr_png_(self) -> bytes:
        from hptjax.report.plots.style import png_of

        return png_of(self.axes)


def drawn(draw: Callable[["Axes"], "Axes"], ax: "Axes | None", width: float = 5.0) -> Plot:
    """What a function draws: on axes of the caller's, or on new ones of that many inches."""
    from hptjax.report.plots import new_axes

    return Plot(draw(new_axes(0.6 * width, width) if ax is None else ax))
