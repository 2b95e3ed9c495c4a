"""The validation set: a part of the training images, or a set of its own."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from hptjax.config.frozen import Frozen, Positive
from hptjax.data.sources import check_source
from hptjax.errors import ConfigError, shown

Seed = Annotated[int, Field(ge=0, lt=2**31)]

FRACTION = 0.2
TEST = "test"  # the word for the source's own test images


def _source(value: Any) -> Any:
    if value is not None and value != TEST:
        check_source(value, "data.validation.source")
    return value


class Validation(Frozen):
    """The validation set: how many images it has, and how they are chosen.

    fraction or images: the share of the training images, or the number of images (neither: a
    fifth). source: other images instead, `test` (the source's own test set) or another source, such
    as folder:val. stratified: whether the split keeps the shares of the classes (None: as the data
    say). seed: the seed of the split (None: the study's seed). groups: images of one group stay
    together; for folder:<path> it is a regular expression on the names of files, for npz:<path> a
    key.
    """

    fraction: Annotated[float, Field(gt=0, lt=1)] | None = None
    images: Positive | None = None
    source: Annotated[str | None, BeforeValidator(_source)] = None
    stratified: bool | None = None
    seed: Seed | None = None
    groups: str | None = None

    @model_validator(mode="after")
    def _one_form(self) -> "Validation":
        given = [name for name, value in self if value is not None]
        if self.source is not None and len(given) > 1:
            raise ConfigError(
                "data.validation: a source is taken as it is, without "
                f"{', '.join(name for name in given if name != 'source')}."
            )
        if self.fraction is not None and self.images is not None:
            raise ConfigError("data.validation: takes fraction or images, got both.")
        return self

    def to_tree(self) -> Any:
        """The shortest form: a number, a word, or a mapping of what was given."""
        given = {name: value for name, value in self if value is not None}
        if len(given) == 1 and not given.keys() & {"stratified", "seed", "groups"}:
            return next(iter(given.values()))
        return given


def as_validation(value: Any) -> Any:
    """A value of `data.validation` as a mapping; ConfigError for a wrong form."""
    if value is None or isinstance(value, Validation | Mapping):
        return value
    if isinstance(value, str):
        return {"source": value}
    if isinstance(value, float):
        return {"fraction": value}
    if isinstance(value, int) and not isinstance(value, bool):
        return {"images": value}
    raise ConfigError(
        "data.validation: must be a share (0.2), a number of images (5000), test, a source "
        f"(folder:val), or a mapping of fraction or images, stratified, seed, groups; got "
        f"{shown(value)}."
    )


def with_fraction(data: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of `data`, with a bare share under its older key, `validation_fraction`.

    Studies that mean the same then have equal files, and older runs can be resumed. Raises
    ConfigError if both are given.
    """
    tree = dict(data)
    given = tree.get("validation")
    if given is None:
        return tree
    if tree.get("validation_fraction") is not None:
        raise ConfigError(
            "data.validation: says what data.validation_fraction does, and more; leave one of "
            "them out."
        )
    if isinstance(given, Mapping) and set(given) == {"fraction"}:
        given = given["fraction"]
    if isinstance(given, float):
        return {**tree, "validation": None, "validation_fraction": given}
    return {**tree, "validation_fraction": None}
