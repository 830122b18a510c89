"""Reads and checks task files: each mistake is reported with its line, key and nearest known key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from rcd_ros.errors import RcdError
from rcd_ros.planning.spec import TaskSource
from rcd_ros.suggest import did_you_mean
from rcd_ros.tasks.file.schema import TaskFile
from rcd_ros.tasks.file.yaml_lines import KeyPath, line_of, read_yaml


@dataclass(frozen=True)
class LoadedTaskFile:
    """A checked task file.

    Attributes:
        content: the checked values.
        source: its text, and the folder that relative paths in it start from.
        name: of the file, for messages.
        lines: path of keys -> line in the text.
    """

    content: TaskFile
    source: TaskSource
    name: str
    lines: Mapping[KeyPath, int]

    def path(self, relative: str) -> Path:
        """A file that the task file names."""
        return Path(self.source.folder) / Path(relative).expanduser()

    def error(self, text: str, *keys: str | int) -> RcdError:
        """An error about the value at a path of keys, with its line."""
        return RcdError(f"task file '{self.name}', line {self.line(keys)}: {'.'.join(map(str, keys))}: {text}")

    def line(self, keys: Sequence[str | int]) -> int:
        """Line of the value at a path of keys, or of the nearest mapping above it."""
        return line_of(self.lines, keys)


def is_task_file(name: str) -> bool:
    """Whether a task is named by a file."""
    return name.endswith((".yaml", ".yml"))


def load_task_file(path: str | Path) -> LoadedTaskFile:
    """Read and check a task file.

    Raises:
        RcdError: there is none, it is no YAML, or keys or values are wrong; with line, key and nearest known key.
    """
    file = Path(path).expanduser()
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise RcdError(f"the task file '{path}' cannot be read: {reason}") from error
    return parse_task_file(TaskSource(text=text, folder=str(file.resolve().parent)), str(path))


def parse_task_file(source: TaskSource, name: str) -> LoadedTaskFile:
    """Check the text of a task file; `name` is what to call it in errors.

    Raises:
        RcdError: as `load_task_file`.
    """
    content, lines = read_yaml(source.text, f"task file '{name}'")
    if not isinstance(content, dict):
        raise RcdError(f"task file '{name}' is not a mapping of keys to values")
    try:
        checked = TaskFile.model_validate(content)
    except ValidationError as error:
        raise RcdError(f"task file '{name}', {'; '.join(_mistakes(error, content, lines))}") from error
    return LoadedTaskFile(checked, source, name, lines)


def _mistakes(error: ValidationError, content: object, lines: Mapping[KeyPath, int]) -> Iterator[str]:
    """One clause per mistake; a union's alternatives that all refuse a value count as one."""
    found: dict[KeyPath, list[str]] = {}
    for detail in error.errors():
        path, input_ = _path_in(content, detail["loc"]), detail["input"]
        if detail["type"] == "extra_forbidden":
            known = _known_keys(path[:-1])
            near = did_you_mean(str(path[-1]), known, most=1)
            text = f"unknown key '{path[-1]}'{near}; known: {', '.join(known)}"
            found.setdefault(path, []).append(text)
        elif detail["type"] == "missing":
            found.setdefault((*path, detail["loc"][-1]), []).append(f"the key '{detail['loc'][-1]}' is missing")
        else:
            text = detail["msg"].removeprefix("Value error, ")
            text += "" if isinstance(input_, dict | list | tuple) else f", got {input_!r}"
            found.setdefault(path, []).append(text)
    for path, texts in found.items():
        of_key = texts[0].startswith(("unknown key", "the key"))
        where = ".".join(map(str, path[:-1] if of_key else path))
        yield f"line {line_of(lines, path)}: {where + ': ' if where else ''}{' or '.join(dict.fromkeys(texts))}"


def _path_in(content: object, location: Sequence[str | int]) -> KeyPath:
    """A location of pydantic's without the names of types that it puts between the keys."""
    path: list[str | int] = []
    for part in location:
        if isinstance(content, dict) and part in content:
            content = content[str(part)]
        elif isinstance(content, list) and isinstance(part, int) and part < len(content):
            content = content[part]
        else:
            continue
        path.append(part)
    return tuple(path)


def _known_keys(path: Sequence[str | int]) -> list[str]:
    """Keys that may stand at a path of a task file."""
    models: list[type[BaseModel]] = [TaskFile]
    for part in path:
        following: list[type[BaseModel]] = []
        for model in models:
            field = model.model_fields.get(str(part))
            following += _models_in(field.annotation) if field is not None else [model]
        models = following
    return sorted({name for model in models for name in model.model_fields})


def _models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in getattr(annotation, "__args__", ()) for model in _models_in(inner)]
