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
        axes: matplotlib's axes, which you may change.
    """

    axes: "Axes"

    @property
    def figure(self) -> Any:
        """The figure of matplotlib."""
        return self.axes.get_figure(root=True)

    def save(self, path: str | Path) -> Path:
        """Writes the plot to a file.

        Args:
            path: where to write; its suffix, .png, .svg or .pdf, is the format.

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
    """The plot of a function on the caller's axes, or on new ones of `width` inches."""
    from hptjax.report.plots import new_axes

    return Plot(draw(new_axes(0.6 * width, width) if ax is None else ax))
