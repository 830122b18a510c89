"""`python -m tests.cli.battery --calls 2000 --seed 1`: the long form; without --calls, all of them."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.cli.battery.calls import all_calls, sample
from tests.cli.battery.run import findings, place
from tests.cli.battery.tree import Call


def _quietly(call: Call) -> None:
    pass


def main() -> int:
    parser = argparse.ArgumentParser(description="Try bad values on every option and argument of every command.")
    parser.add_argument("--calls", type=int, help="how many; all that there are where it is not given")
    parser.add_argument("--seed", type=int, default=0, help="which of them, and in which order")
    parser.add_argument("--only", default="", help="commands whose name begins so")
    parser.add_argument("--verbose", action="store_true", help="print each call before it is made")
    parser.add_argument("--list", action="store_true", help="print the calls and try none")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rcd-battery-") as folder:
        room = Path(folder).resolve()
        with place(room):
            calls = [call for call in all_calls(room) if call.command.startswith(options.only)]
            chosen = sample(calls, options.calls or len(calls), options.seed)
            if options.list:
                print(*chosen, sep="\n")
                return 0
            started = time.perf_counter()
            found = findings(chosen, room, (lambda call: print(call, flush=True)) if options.verbose else _quietly)
        print(*found, sep="\n")
        counts = Counter(call.command for call in chosen)
        print(", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
        seconds = time.perf_counter() - started
        print(f"{len(chosen)} calls of {len(calls)} in {seconds:.0f} s, {len(found)} of them with a finding")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
