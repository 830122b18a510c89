"""Bad values by what a parameter is; a `certain` one can only be refused."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Any, NamedTuple, get_args

from tests.cli.battery import tables

LONG = "x" * 300
UNICODE = "größe-机器人-🤖"
BROKEN = "{room}/broken"


class Bad(NamedTuple):
    """One bad value; `kind` says what is bad about it."""

    kind: str
    value: str
    certain: bool


def kind_of(parameter: Any) -> type:
    """The type of a parameter's value, or of each of its values."""
    annotation = parameter.type_descriptor.annotation
    while (inner := [each for each in get_args(annotation) if each is not type(None)]) and not isinstance(
        annotation, type
    ):
        annotation = inner[0]
    return annotation if isinstance(annotation, type) else str


def role(command: str, parameter: Any) -> str:
    """What a parameter is: `flag`, `integer`, `number`, `choice`, `text`, or a path or data set, read or written."""
    name, kind = str(parameter.name), kind_of(parameter)
    if getattr(parameter, "is_flag", False):
        return "flag"
    if name in tables.WRITTEN_FILES or (command, name) in tables.WRITTEN_FILES_OF:
        return "written file"
    if name in tables.WRITTEN_FOLDERS:
        return "kept folder" if (command, name) in tables.KEPT_FOLDERS else "written folder"
    if command.startswith("data ") and command not in _OF_EXISTING and name in tables.NEW_DATASETS:
        return "new data set"
    if (name in tables.DATASETS and kind is str) or (command in _OF_EXISTING and name == "name"):
        return "data set"
    if command in ("compare", "choose") and name in ("results", "planners"):
        return name
    if kind is Path or (command, name) in tables.READ_TEXTS:
        return "read"
    if kind is int:
        return "integer"
    if kind is float:
        return "number"
    return "choice" if issubclass(kind, enum.Enum) else "text"


_OF_EXISTING = ("data export", "data view", "data show", "data delete")


def bad_values(command: str, parameter: Any, room: Path) -> list[Bad]:
    """All bad values of a parameter; paths lie in the room."""
    what = role(command, parameter)
    values = _VALUES.get(what, [])
    if what == "text" and (command, str(parameter.name)) not in tables.FREE_TEXTS:
        values = [bad._replace(certain=bad.kind in _NO_NAMES) for bad in values]
    if what in ("integer", "number"):
        values = [*values, *_beyond(parameter)]
    if what in ("read", "results"):
        values = [*values, *_broken(room)]
    if what == "results":
        values = [bad._replace(value=f"a={bad.value}") for bad in values] + _LABELS
    if what == "planners":
        values = [bad._replace(value=f"a={bad.value}") for bad in (*_VALUES["read"], *_broken(room))] + _PLANNERS
    if what == "read" and command == "data make":  # a policy of any form is found out when it is read
        values = [bad for bad in values if not bad.value.endswith("npz")] + [
            Bad("no policy", "{room}/archive.npz", True)
        ]
    return values


def _broken(room: Path) -> list[Bad]:
    names = sorted(path.name for path in (room / "broken").iterdir())
    return [Bad(f"broken {name}", f"{BROKEN}/{name}", True) for name in names]


def _beyond(parameter: Any) -> list[Bad]:
    """Just outside of what a parameter says that it takes."""
    low, high = parameter.min, parameter.max
    below = [] if low is None else [Bad("below the least", f"{low - 1:g}", True), Bad("negative", "-7", low > -7)]
    above = [Bad("huge", str(10**30), high is not None), Bad("2^63", str(2**63), high is not None and high < 2**63)]
    return below + above


_NO_NUMBER = [
    Bad("empty", "", True),
    Bad("a word", "few", True),
    Bad("unicode", UNICODE, True),
    Bad("a list", "[1,2]", True),
    Bad("a folder", "{room}/empty", True),
]
_PATHS = [
    Bad("empty", "", True),
    Bad("below a file", "{room}/recipe.yaml/x", True),
    Bad("no permission", "/proc/nowhere/x", True),
    Bad("too long", "{room}/" + LONG, True),
    Bad("a loop of links", "{room}/loop", True),
]
_NAMES = [
    Bad("empty", "", True),
    Bad("a word", "complete", True),
    Bad("a path out", "../../x-v0", True),
    Bad("absolute", "/etc/x-v0", True),
    Bad("too long", LONG + "-v0", True),
    Bad("spaces", "rcd/a b-v0", True),
    Bad("one letter", "r/x-v0", True),
]
_LABELS = [
    Bad("no label", "{room}/result.json", True),
    Bad("an empty label", "={room}/result.json", True),
    Bad("no file", "a=", True),
    Bad("an empty file", "a={room}/result.json,", True),
    Bad("twice the same file", "a={room}/result.json,{room}/result.json", True),
    Bad("twice the same file, spelt otherwise", "a={room}/result.json,{room}/empty/../result.json", True),
]
_PLANNERS = [
    Bad("an empty label", "={room}/planner", True),
    Bad("no checkpoint", "a=", True),
    Bad("an empty checkpoint", "a={room}/planner,", True),
    Bad("twice the same", "a={room}/planner,{room}/empty/../planner", True),
]
_OUTPUTS = [
    *_PATHS,
    Bad("a link to nowhere", "{room}/link", True),
    Bad("there already", "{room}/recipe.yaml", True),
    Bad("a device", "/dev/null", True),
    Bad("a folder that holds everything", "{room}", True),
    Bad("unicode", "{room}/work/" + UNICODE, False),
    Bad("spaces", "{room}/work/ a b ", False),
    Bad("a dash", "-", False),
]

_NO_NAMES = ("a word", "unicode", "too long", "a list", "an equals sign", "a key", "a folder", "a markup", "a format")
"""Texts that are no name and no list of numbers of anything."""
_VALUES: dict[str, list[Bad]] = {
    "integer": [*_NO_NUMBER, Bad("a fraction", "1.5", True), Bad("NaN", "nan", True), Bad("infinite", "inf", True)],
    "number": [*_NO_NUMBER, Bad("NaN", "nan", True), Bad("infinite", "inf", True), Bad("minus infinite", "-inf", True)],
    "choice": [*_NO_NUMBER, Bad("a number", "-1", True)],
    "read": [
        *_PATHS,
        Bad("missing", "{room}/absent.yaml", True),
        Bad("an empty folder", "{room}/empty", True),
        Bad("another folder", "{room}/work", True),
        Bad("a link to nowhere", "{room}/link", True),
        Bad("unicode", "{room}/" + UNICODE, True),
        Bad("unreadable", "/proc/self/mem", True),
    ],
    "results": [
        Bad("missing", "{room}/absent.json", True),
        Bad("a folder", "{room}/empty", True),
        Bad("a link to nowhere", "{room}/link", True),
        Bad("unreadable", "/proc/self/mem", True),
        Bad("too long", "{room}/" + LONG, True),
    ],
    "written file": _OUTPUTS,
    "written folder": [bad for bad in _OUTPUTS if bad.kind != "a folder that holds everything"],
    "kept folder": [bad for bad in _OUTPUTS if bad.kind not in ("a folder that holds everything", "empty")],
    "new data set": [*_NAMES, Bad("there already", tables.TINY, True), Bad("unicode", f"rcd/{UNICODE}-v0", True)],
    "data set": [*_NAMES, Bad("missing", "rcd/kitchen/absent-v0", True), Bad("unicode", f"rcd/{UNICODE}-v0", True)],
    "text": [
        Bad("empty", "", False),
        Bad("a word", "nonesuch", False),
        Bad("unicode", UNICODE, False),
        Bad("too long", LONG * 20, False),
        Bad("NaN", "nan", False),
        Bad("negative", "-1", False),
        Bad("huge", str(10**30), False),
        Bad("a list", "[1,nan]", False),
        Bad("commas", ",,", False),
        Bad("an equals sign", "=", False),
        Bad("a key", "a=[", False),
        Bad("a folder", "{room}/empty", False),
        Bad("a file", f"{BROKEN}/deep.yaml", False),
        Bad("a tagged file", f"{BROKEN}/tag.yaml", False),
        Bad("a markup", "[/bold][red]", False),
        Bad("a format", "{{0}}%s", False),
    ],
}
