"""The report's still pictures: which there are for some runs, and their files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

from hptjax.records.trial import Status
from hptjax.report.sources import COSTS

FORMATS = ("png", "svg", "pdf")
WIDTH, HEIGHT = 5.2, 3.4  # inches: a column of a paper, or half of the page
FAR = 4  # the largest value over the smallest, above which a linear axis hides the best ones
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


def pictures_of(trials: pd.DataFrame, colours: Mapping[str, str]) -> list[Picture]:
    """What there is to be seen of some trials, a row each with `series` and the COSTS."""
    series = {str(name): rows for name, rows in trials.groupby("series", sort=False)}
    tall = max(HEIGHT, 0.35 * len(series) + 1)
    pictures = [
        Picture(
            "values-by-strategy",
            "Values of all trials: quartiles, median, and whiskers to 1.5 times their distance.",
            lambda ax: draw_boxes(ax, series, colours),
            height=tall,
        )
    ]
    for column, label in COSTS.items():
        if not trials[column].dropna().empty:
            pictures.append(
                Picture(
                    f"best-so-far-{column.replace('_', '-')}",
                    f"Best value so far against {label}.",
                    lambda ax, column=column, label=label: draw_best(
                        ax, series, colours, column, label
                    ),
                )
            )
    for name, rows in series.items():
        shaded = "; generations are shaded in turn." if has_generations(rows) else "."
        pictures.append(
            Picture(
                f"evaluations-{file_name(name)}",
                f"Consecutive evaluations of {name}{shaded}",
                lambda ax, name=name, rows=rows: draw_evaluations(ax, rows, colours[name]),
            )
        )
    return pictures


def draw_boxes(ax: Any, series: Mapping[str, pd.DataFrame], colours: Mapping[str, str]) -> None:
    valued = {name: rows["value"].dropna() for name, rows in series.items()}
    boxes = ax.boxplot(
        list(valued.values()),
        orientation="horizontal",
        patch_artist=True,
        widths=0.6,
        medianprops={"color": "black"},
        flierprops={"marker": ".", "markersize": 3, "alpha": 0.4},
    )
    for patch, name in zip(boxes["boxes"], valued, strict=True):
        patch.set(facecolor=colours[name], alpha=0.6)
    ax.set_yticks(range(1, len(valued) + 1), [f"{n} ({len(v)})" for n, v in valued.items()])
    ax.invert_yaxis()
    ax.set_xlabel("value of a trial")
    if scale_for(pd.concat(valued.values())) == "log":
        ax.set_xscale("log")
        readable_ticks(ax.xaxis)


def draw_best(
    ax: Any,
    series: Mapping[str, pd.DataFrame],
    colours: Mapping[str, str],
    column: str,
    label: str,
) -> None:
    """trials not trained to the end do not count."""
    curves = {}
    known = {name: rows for name, rows in series.items() if not rows[column].dropna().empty}
    for name, rows in known.items():
        judged = rows["value"].where(rows["status"] == Status.TRAINED)
        curves[name] = judged.cummin().ffill()
        ax.step(rows[column], curves[name], where="post", label=name, color=colours[name])
    ax.set(xlabel=label, ylabel="best value so far")
    if scale_for(pd.concat(curves.values())) == "log":
        ax.set_yscale("log")
        readable_ticks(ax.yaxis)
    ax.legend(frameon=False, fontsize="small", ncols=2 if len(series) > 4 else 1)


def draw_evaluations(ax: Any, rows: Any, colour: str) -> None:
    if has_generations(rows):
        places = [own["evaluations"] for _, own in rows.groupby("generation")]
        for own in places[1::2]:
            ax.axvspan(own.min() - 0.5, own.max() + 0.5, color="#e9ecef", linewidth=0)
    ax.plot(rows["evaluations"], rows["value"], ".", color=colour, markersize=4, alpha=0.6)
    ax.step(rows["evaluations"], rows["value"].cummin().ffill(), where="post", color="black")
    ax.set(xlabel="evaluations", ylabel="value of a trial")
    if scale_for(rows["value"]) == "log":
        ax.set_yscale("log")
        readable_ticks(ax.yaxis)


def has_generations(rows: Any) -> bool:
    return "generation" in rows and bool(rows["generation"].notna().all())


def scale_for(values: Any) -> str:
    """A logarithm where values are positive and far apart."""
    low, high = values.min(), values.max()
    return "log" if low > 0 and high > FAR * low else "linear"


def readable_ticks(axis: Any) -> None:
    """Plain numbers on a logarithm, few enough not to touch."""
    axis.set_major_locator(LogLocator(subs=(1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)))
    axis.set_major_formatter(FormatStrFormatter("%.3g"))
    axis.set_minor_formatter(NullFormatter())


def file_name(text: str) -> str:
    """A name that every file system takes."""
    kept = "".join(c if c.isascii() and c.isalnum() else " " for c in text.lower())
    return "-".join(kept.split()) or "unnamed"
