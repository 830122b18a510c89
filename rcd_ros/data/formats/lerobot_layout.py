"""Names and places of LeRobot's data sets, v2.1 (a parquet file an episode) and v3.0 (files of many episodes)."""

from __future__ import annotations

from typing import Literal

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
