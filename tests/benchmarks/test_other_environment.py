import os
import sys
from pathlib import Path

import pytest

from rcd_ros.benchmarks import other_environment
from rcd_ros.benchmarks.other_environment import OtherEnvironment, run_worker
from rcd_ros.errors import RcdError
from rcd_ros.evaluation.results import Record


class Word(Record):
    say: str


class Echo(Record):
    said: str


ECHO = """
import json, os, sys
for line in sys.stdin:
    asked = json.loads(line)
    if asked["say"] == "fail":
        print(json.dumps({"error": "no such thing"}), flush=True)
    elif asked["say"] == "pid":
        print(json.dumps({"said": str(os.getpid())}), flush=True)
    elif asked["say"] == "die":
        sys.exit("RuntimeError: it broke")
    else:
        for word in asked["say"].split():
            print(json.dumps({"said": word}), flush=True)
"""


@pytest.fixture
def python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This very Python, with a worker that repeats what it is asked."""
    (tmp_path / "echo_worker.py").write_text(ECHO)
    monkeypatch.setattr(other_environment, "WORKERS", tmp_path)
    return Path(sys.executable)


def needing(module: str) -> OtherEnvironment:
    return OtherEnvironment("test", module, (f"{module}==1.0",), (3, 10), "its pins collide")


def test_a_worker_answers_one_question_after_the_other(python: Path) -> None:
    with run_worker(python, "echo_worker", (), 1) as worker:
        assert [worker.ask(Word(say=word), Echo).said for word in ("a", "b")] == ["a", "b"]
        assert [worker.ask(Word(say="c d"), Echo).said, worker.next(Echo).said] == ["c", "d"]


def test_what_a_worker_cannot_do_is_one_sentence(python: Path) -> None:
    with run_worker(python, "echo_worker", (), 1) as worker:
        with pytest.raises(RcdError, match="no such thing"):
            worker.ask(Word(say="fail"), Echo)
        with pytest.raises(RcdError, match="1: RuntimeError: it broke"):
            worker.ask(Word(say="die"), Echo)


def test_a_worker_ends_with_its_block(python: Path) -> None:
    with run_worker(python, "echo_worker", (), 1) as worker:
        process = int(worker.ask(Word(say="pid"), Echo).said)
        os.kill(process, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_environments_that_lack_the_module_are_refused_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    wanted = needing("no_such_module")
    with pytest.raises(RcdError, match=r"no_such_module==1\.0"):
        wanted.find(None)
    with pytest.raises(RcdError, match=f"'{tmp_path}/python'"):
        wanted.find(tmp_path / "python")
    with pytest.raises(RcdError, match="no_such_module"):
        wanted.find(Path(sys.executable))
    assert needing("json").find(Path(sys.executable)) == Path(sys.executable)


def test_a_python_that_is_too_old_is_refused_before_anything_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(RcdError, match=r"9\.9"):
        OtherEnvironment("test", "json", ("json==1.0",), (9, 9), "why").install()
    with pytest.raises(RcdError, match="there is no Python at"):
        OtherEnvironment("test", "json", ("json==1.0",), (3, 10), "why").install(tmp_path / "python")
    assert not (tmp_path / "rcd_ros").exists()
