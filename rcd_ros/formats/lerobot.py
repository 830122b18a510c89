"""LeRobot's data sets, v2.1 (a parquet file an episode) and v3.0 (files of many episodes).

Both have `meta/info.json`, which lists the features, and below `data/` tables with a row a frame: the features'
columns, `timestamp` (s), `frame_index`, `episode_index`, `index`, `task_index`. Videos lie in files of their own.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from rcd_ros.errors import RcdError
from rcd_ros.formats.recording import FloatArray, RecordedEpisode, Recording, matrix

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = "lerobot"
Version = Literal["v2.1", "v3.0"]

INFO = "meta/info.json"
BOOKKEEPING = ("timestamp", "frame_index", "episode_index", "index", "task_index")
REWARD, DONE, SUCCESS = "next.reward", "next.done", "next.success"
EPISODES_A_CHUNK = 1000
DATA: dict[Version, str] = {
    "v2.1": "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
    "v3.0": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
}


# What JSON and parquet of another kind than expected raise, where they are read and converted.
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError)


@dataclass(frozen=True)
class Info:
    """What `meta/info.json` says, as far as it is read here.

    Attributes:
        version: of the layout, such as v3.0.
        rate: Hz.
        features: by key, its type, shape and names as they stand there.
        episodes: number of episodes.
    """

    version: str
    rate: float
    features: Mapping[str, Mapping[str, object]]
    episodes: int

    @property
    def numbers(self) -> list[str]:
        """Features that are numbers in the tables."""
        return [
            key
            for key, feature in self.features.items()
            if key not in BOOKKEEPING and feature.get("dtype") not in ("image", "video", "string", "language")
        ]

    @property
    def images(self) -> list[str]:
        """Features that are images or videos."""
        return [key for key, feature in self.features.items() if feature.get("dtype") in ("image", "video")]

    def names(self, key: str) -> tuple[str, ...]:
        """Names of a feature's columns, which different versions nest differently; empty where there are none."""
        names = self.features[key].get("names")
        if isinstance(names, Mapping):  # under a word such as `motors`, `axes`
            names = next((each for each in names.values() if isinstance(each, list)), None)
        return tuple(map(str, names)) if isinstance(names, list) else ()

    def width(self, key: str) -> int:
        """Number of a feature's columns; 0 where its shape is not there."""
        shape = self.features[key].get("shape")
        return math.prod(shape) if isinstance(shape, list) and all(isinstance(n, int) for n in shape) else 0


def is_lerobot(path: Path) -> bool:
    """Whether a folder is such a data set."""
    return (path / INFO).is_file()


def read(path: Path) -> Recording:
    """The episodes of a data set's folder; keys are its features, images, videos and words left out.

    Rewards are `next.reward`; an episode has ended in success where `next.success` is not zero in any of its rows. An
    episode whose rows are missing, there twice, or not those that its description says has a `problem`.

    Raises:
        RcdError: it is no such data set, is of a version before 2.0, its description cannot be read, or it has no
            tables.
    """
    info = read_info(path)
    files = sorted((path / "data").glob("*/*.parquet"))
    if not files:
        raise RcdError(f"{path} holds no data/*/*.parquet: download the whole data set")
    lengths = _lengths(path, info)
    notes = [f"images are left out: {', '.join(info.images)}"] if info.images else []
    return Recording(
        FORMAT,
        path,
        partial(_episodes, files, info, lengths),
        len(lengths) or info.episodes,
        period=1.0 / info.rate,
        names={key: names for key in info.numbers if (names := info.names(key))},
        notes=notes,
    )


def read_info(path: Path) -> Info:
    """The description of a data set's folder.

    Raises:
        RcdError: there is none, it cannot be used, or it is of a version before 2.0.
    """
    file = path / INFO
    if not file.is_file():
        raise RcdError(f"{path} is no LeRobot data set, it has no {INFO}")
    try:
        content = json.loads(file.read_text())
        info = Info(
            version=str(content["codebase_version"]),
            rate=float(content["fps"]),
            features={str(key): dict(feature) for key, feature in content["features"].items()},
            episodes=int(content["total_episodes"]),
        )
    except (*_UNREADABLE, AttributeError) as error:
        raise RcdError(f"{file} cannot be used: {type(error).__name__} {error}") from error
    if not info.version.startswith(("v2.", "v3.")):
        raise RcdError(f"{path} is of LeRobot's version {info.version}, read are v2.0 to v3: convert it with LeRobot")
    if not 0.0 < info.rate < math.inf:
        raise RcdError(f"{file}: fps must be a number above 0, got {info.rate:g}")
    return info


def _lengths(path: Path, info: Info) -> dict[int, int]:
    """Rows of each episode by `meta/episodes...`; empty where it is not there."""
    try:
        if info.version.startswith("v2."):
            lines = (path / "meta/episodes.jsonl").read_text().splitlines()
            return {int(entry["episode_index"]): int(entry["length"]) for entry in map(json.loads, filter(None, lines))}
        found: dict[int, int] = {}
        for file in sorted((path / "meta/episodes").glob("*/*.parquet")):
            table = _table(file, ["episode_index", "length"])
            found |= dict(zip(table["episode_index"].to_pylist(), table["length"].to_pylist(), strict=True))
        return found
    except _UNREADABLE as error:
        raise RcdError(f"{path}/meta: the list of episodes cannot be read: {error}") from error


def _table(file: Path, columns: Sequence[str]) -> pa.Table:
    """Columns of a parquet file.

    Raises:
        RcdError: the file cannot be read, or lacks a column.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise RcdError(f"LeRobot's data need pyarrow ({error}); pip install 'rcd_ros[data]'") from error
    try:
        opened = pq.ParquetFile(file)
        missing = [column for column in columns if column not in opened.schema_arrow.names]
        if missing:
            raise RcdError(f"{file} lacks columns {', '.join(missing)}")
        return opened.read(columns=list(columns))
    except (OSError, ValueError, TypeError, MemoryError, pa.ArrowException) as error:
        raise RcdError(f"{file} cannot be read as parquet: {' '.join(str(error).split())}") from error


def _episodes(files: Sequence[Path], info: Info, lengths: Mapping[int, int]) -> Iterator[RecordedEpisode]:
    seen: set[int] = set()
    for file in files:
        try:
            table = _table(file, [*info.numbers, "timestamp", "frame_index", "episode_index"])
            columns = {key: _column(key, table[key]) for key in table.column_names}
        except RcdError as error:
            numbered = re.fullmatch(r"episode_(\d+)", file.stem)
            yield RecordedEpisode(file.stem, problem=str(error), number=int(numbered[1]) if numbered else None)
            continue
        index = columns["episode_index"][:, 0].astype(np.int64)
        ends = [*(np.flatnonzero(np.diff(index)) + 1).tolist(), len(index)] if len(index) else []
        for begin, end in zip([0, *ends[:-1]], ends, strict=True):
            number = int(index[begin])
            part = {key: values[begin:end] for key, values in columns.items() if key != "episode_index"}
            yield replace(_episode(number, part, info, lengths.get(number), number in seen), number=number)
            seen.add(number)
    for number in sorted(set(lengths) - seen):
        yield RecordedEpisode(_name(number), problem="its rows are in no file below data/", number=number)


def _episode(
    number: int, columns: dict[str, FloatArray], info: Info, length: int | None, twice: bool
) -> RecordedEpisode:
    name = _name(number)
    frames, stamps = columns.pop("frame_index")[:, 0], columns.pop("timestamp")[:, 0]
    if twice:
        return RecordedEpisode(name, problem="its rows are in two places")
    if length is not None and length != len(frames):
        return RecordedEpisode(name, problem=f"it has {len(frames)} rows, its description says {length}")
    if not np.array_equal(frames, np.arange(len(frames))):
        return RecordedEpisode(name, problem="its frames are not numbered from 0 without a gap")
    rewards, success = columns.get(REWARD), columns.get(SUCCESS)
    achieved = None if success is None else bool(success.any())
    return RecordedEpisode(
        name,
        columns,
        rewards=None if rewards is None else rewards[:, 0],
        terminated=achieved,
        success=achieved,
        stamps=stamps,
    )


def _name(number: int) -> str:
    return f"episode_{number:06d}"


def _column(key: str, column: pa.ChunkedArray) -> FloatArray:
    """A table's column as (rows, n).

    Raises:
        RcdError: it holds no numbers, or rows of different lengths.
    """
    import pyarrow as pa

    column = column.combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks)
    rows = len(column)
    if column.null_count:
        raise RcdError(f"column '{key}' has empty entries")
    while isinstance(column.type, pa.ExtensionType):
        column = column.storage
    while (
        pa.types.is_list(column.type) or pa.types.is_large_list(column.type) or pa.types.is_fixed_size_list(column.type)
    ):
        column = column.flatten()
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_boolean(column.type)):
        raise RcdError(f"column '{key}' holds {column.type}, not numbers")
    values = column.to_numpy(zero_copy_only=False)
    if rows == 0 or len(values) % rows:
        raise RcdError(f"column '{key}' has rows of different lengths")
    return matrix(values.reshape(rows, -1))
