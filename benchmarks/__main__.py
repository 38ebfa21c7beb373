"""`python -m benchmarks`: measure, print the table, keep it in RESULTS.md."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.machine import describe_cores, look_around
from benchmarks.peers import installed_peers
from benchmarks.processes import BenchmarkError, choose_cores
from benchmarks.report import failures, page, table
from benchmarks.rounds import run
from benchmarks.rows import all_rows

_RESULTS = Path(__file__).with_name("RESULTS.md")
_ROUNDS = 5


def main() -> int:
    """Exit status 1 if something could not be measured; a missed target is a result like any other."""
    rows = {row.name: row for row in all_rows()}
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure Moorage beside nginx and docker-registry on this machine, in about ten minutes. "
        "Content and caches take 7 GiB in the folder for temporary files, which TMPDIR chooses.",
    )
    parser.add_argument("--rows", nargs="+", choices=rows, default=list(rows), metavar="NAME", help=", ".join(rows))
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help="how often each is measured (%(default)s)")
    parser.add_argument("--no-write", action="store_true", help="leave RESULTS.md as it is")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds: at least 1")
    cores = choose_cores()
    print(describe_cores(cores), file=sys.stderr)
    try:
        chosen = [row for name, row in rows.items() if name in options.rows]
        measurements = run(chosen, installed_peers(), cores, rounds=options.rounds)
    except BenchmarkError as failed:
        print(f"cannot measure: {failed}", file=sys.stderr)
        return 1
    print(table(measurements))
    if not options.no_write:
        today = datetime.now(tz=UTC).date()
        _RESULTS.write_text(page(measurements, look_around(), cores, rounds=options.rounds, day=today))
    failed_ones = failures(measurements)
    if failed_ones:
        print(failed_ones, file=sys.stderr)
    return 1 if failed_ones else 0


if __name__ == "__main__":
    sys.exit(main())
