"""What nodes write while faults are injected."""

from __future__ import annotations

from pathlib import Path


class Logs:
    """A log file for each node; one that is started again goes on in the same file."""

    def __init__(self, folder: Path) -> None:
        """Keep the files in `folder`."""
        self._folder = folder
        self._marks: dict[str, int] = {}

    def file(self, name: str) -> Path:
        """The log of a node."""
        return self._folder / f"{name}.log"

    def mark(self) -> None:
        """`since_mark` returns what is written from now on."""
        self._marks = {path.stem: path.stat().st_size for path in self._folder.glob("*.log")}

    def since_mark(self, name: str) -> str:
        """What a node has written since `mark`."""
        if not self.file(name).exists():
            return ""
        with self.file(name).open("rb") as log:
            log.seek(self._marks.get(name, 0))
            return log.read().decode(errors="replace")
