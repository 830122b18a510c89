"""Reading a recipe: a YAML file, any key of which can be overridden; a mistake is named with its key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, ValidationError
from yaml import YAMLError

from rcd_ros.errors import RcdError
from rcd_ros.planning.manifest import check_depth
from rcd_ros.suggest import did_you_mean
from rcd_ros.training.recipe import Recipe


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe and apply `key.inner=value` overrides.

    Raises:
        RcdError: the file is missing or not YAML, a key is unknown (the nearest known one is named), a value is
            of the wrong type or out of range, or an override is not of the form key=value.
    """
    if not path.is_file():
        raise RcdError(f"no recipe at '{path}'; the shipped ones are in config/train/")
    try:
        check_depth(path.read_text())
        loaded = OmegaConf.load(path)
    except (OmegaConfBaseException, YAMLError, ValueError, OSError, RecursionError) as error:
        raise RcdError(f"recipe '{path}' cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(loaded, DictConfig):
        raise RcdError(f"recipe '{path}' is not a mapping of keys to values")
    return make_recipe(loaded, overrides, str(path))


def make_recipe(content: object, overrides: Sequence[str], name: str) -> Recipe:
    """A recipe from its keys and `key.inner=value` overrides; `name` is what to call it in errors.

    Raises:
        RcdError: as `load_recipe`.
    """
    for override in overrides:
        if not override.partition("=")[0].strip() or "=" not in override:
            raise RcdError(f"cannot read the override '{override}': write it as key=value, e.g. student.reward=0.1")
    try:
        for override in overrides:
            check_depth(override.partition("=")[2])
        merged = OmegaConf.merge(content, OmegaConf.from_dotlist(list(overrides)))
        plain = OmegaConf.to_container(merged, resolve=True)
    except (OmegaConfBaseException, YAMLError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise RcdError(f"recipe '{name}' cannot be read: {' '.join(str(error).split())}") from error
    try:
        recipe = Recipe.model_validate(plain)
    except ValidationError as error:
        raise RcdError(f"recipe '{name}': {describe_errors(error, Recipe)}") from error
    if recipe.execute > recipe.horizon:
        raise RcdError(
            f"recipe '{name}': execute ({recipe.execute}) is longer than horizon ({recipe.horizon}): lower it"
        )
    return recipe


def describe_errors(error: ValidationError, model: type[BaseModel]) -> str:
    """One sentence per mistake, with the nearest known key for a misspelt one."""
    known = sorted(set(_paths(model)))
    sentences = []
    for detail in error.errors():
        key = ".".join(str(part) for part in detail["loc"])
        if detail["type"] == "extra_forbidden":
            sentences.append(f"unknown key '{key}'{did_you_mean(_without_kind(key), known, most=1)}")
        elif detail["type"] == "missing":
            sentences.append(f"the key '{key}' is missing")
        else:
            sentences.append(f"'{key}' is {detail['input']!r}: {detail['msg']}")
    return "; ".join(sentences)


def _paths(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield prefix + name
        for inner in _models_in(field.annotation):
            yield from _paths(inner, f"{prefix}{name}.")


def _models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for inner in getattr(annotation, "__args__", ()) for m in _models_in(inner)]


def _without_kind(key: str) -> str:
    """Pydantic puts a union's chosen kind into the location (network.residual_mlp.width); people do not."""
    kinds = {"residual_mlp", "spline_mlp", "temporal_unet"}
    return ".".join(part for part in key.split(".") if part not in kinds)
