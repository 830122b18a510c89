"""Values of options that are written as text: lists with commas, label=file, name:=value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from rcd_ros.choices import LARGEST_SEED
from rcd_ros.errors import RcdError
from rcd_ros.outputs import refuse_twice


def numbers(option: str, text: str) -> list[float]:
    """Numbers with commas between them.

    Raises:
        RcdError: something else stands there.
    """
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise RcdError(f"{option} takes numbers separated by commas, got '{text}'") from None


def positive(option: str, text: str) -> list[float]:
    """Finite numbers above 0, with commas between them.

    Raises:
        RcdError: something else stands there.
    """
    found = numbers(option, text)
    for number in found:
        if not 0.0 < number < math.inf:
            raise RcdError(f"{option} {text}: give finite numbers above 0, got {number:g}")
    return found


def training_seeds(option: str, text: str) -> list[int]:
    """Different seeds with commas between them.

    Raises:
        RcdError: something else stands there, or one twice.
    """
    try:
        seeds = [int(part) for part in text.split(",")]
    except ValueError:
        raise RcdError(f"{option} {text}: give whole numbers with commas between them") from None
    if min(seeds) < 0 or len(set(seeds)) != len(seeds):
        raise RcdError(f"{option} {text}: give different numbers of 0 or more")
    if max(seeds) > LARGEST_SEED:
        raise RcdError(f"{option} {text}: a seed is {LARGEST_SEED} at most")
    return seeds


def finite(option: str, value: float) -> float:
    """The value.

    Raises:
        RcdError: it is infinite or no number.
    """
    if not math.isfinite(value):
        raise RcdError(f"{option} {value:g}: give a finite number of 0 or more")
    return value


def episode_numbers(text: str, option: str = "--success") -> frozenset[int]:
    """Numbers of episodes, written `0,3,5:9` (5 to 8) or one a line in a file of that name.

    Raises:
        RcdError: something else stands there, or nothing.
    """
    file = Path(text)
    try:
        content = file.read_text() if file.is_file() else text
    except (OSError, UnicodeDecodeError) as error:
        raise RcdError(f"{option}: '{text}' cannot be read as text") from error
    found: set[int] = set()
    for part in content.replace(",", " ").split():
        first, colon, last = part.partition(":")
        if not first.isdecimal() or (colon and not last.isdecimal()) or max(len(first), len(last)) > 6:
            raise RcdError(f"{option} takes numbers of episodes such as 0,3,5:9, or a file of such, got '{part}'")
        found.update(range(int(first), int(last)) if colon else (int(first),))
    if not found:
        raise RcdError(f"{option} names no episode: write numbers such as 0,3,5:9, or omit it")
    return frozenset(found)


def labelled(arguments: Sequence[str], what: str, own_label: bool = False) -> dict[str, list[Path]]:
    """The paths of each label, which are its training seeds, from `label=path` or `label=path,path`.

    Args:
        arguments: as they stand on the command line.
        what: the paths are of, such as `file`.
        own_label: whether a path without a label is taken, under itself as label.

    Raises:
        RcdError: an argument is not written so, a label comes twice, or a path twice under one label.
    """
    named: dict[str, list[Path]] = {}
    for argument in arguments:
        label, separator, text = argument.partition("=")
        if own_label and not separator:
            text = argument
        if not label or not all(text.split(",")):
            raise RcdError(f"cannot read '{argument}': write label={what}, or label={what},{what} for several seeds")
        if label in named:
            raise RcdError(f"the label '{label}' comes twice: write it once, as {label}={what},{what}")
        named[label] = [Path(path) for path in text.split(",")]
        refuse_twice(f"{what} of '{label}'", named[label])
    return named


def assignments(option: str, texts: Sequence[str]) -> dict[str, str]:
    """Values by name, from `name:=value`.

    Raises:
        RcdError: one is not written so, or a name comes twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, separator, value = text.partition(":=")
        if not separator or not name:
            raise RcdError(f"'{text}' is no {option}: write name:=value")
        if name in found:
            raise RcdError(f"the {option} '{name}' comes twice: give it once")
        found[name] = value
    return found


def remappings(texts: Sequence[str]) -> dict[str, str]:
    """Recorded names of topics, from `name:=/recorded/name`.

    Raises:
        RcdError: one is not written so, or a name comes twice.
    """
    for text in texts:
        name, separator, recorded = text.partition(":=")
        if not name or not separator or not recorded.startswith("/"):
            raise RcdError(f"--remap takes name:=/recorded/name, such as joint_states:=/arm/joint_states, got '{text}'")
    return assignments("remapping (--remap)", texts)
