"""The table of a run, and the page that keeps it."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from benchmarks.goals import Figure, readable
from benchmarks.machine import Machine, describe_cores
from benchmarks.peers import DIRECT, DOCKER_REGISTRY, NGINX, OURS
from benchmarks.processes import Cores
from benchmarks.rounds import Measurement
from benchmarks.rows import Row

_SERVERS = (OURS, NGINX, DOCKER_REGISTRY, DIRECT)
_OTHERS = _SERVERS[1:]
_HEADINGS = ("work", "figure", "target", *_SERVERS, *(f"x {other}" for other in _OTHERS), "met")
_NOTHING = "-"

_METHOD = """\
* Every server has one core and uses one worker; whichever is not asked idles. Its clients and its upstream, which is
  nginx with static files, are on loopback. A paced upstream gives that many bytes a second to each connection.
* One measurement of each server after the other, then the next round, so that drift of the machine hits all.
  The figures are medians over the rounds, with the least and the most in brackets.
* `x nginx` says how many times as good as nginx we are: above 1 we are better, in requests a second, in time and in
  processor time alike.
* Cached rows: fetched until the upstream is no longer asked, then asked by wrk with one thread for three seconds (on
  16 connections if nothing else is said), or by one client that discards what it reads. With different heads, each
  request carries another number in a header; the row of 1 MiB has them too.
* docker-registry asks the upstream for every tag, cached or not, and cannot be told otherwise; in that row it is
  measured doing so. The others keep a tag for an hour here.
* Cold rows: a server with an empty cache each time, which has served one manifest and one small blob before.
  The first byte is the first byte of the content, from the request on.
* Upstream requests are those of any method for that blob, from the upstream's own log.
* CPU is user and system time of the server with its children, in cold rows until the upstream is no longer asked: a
  server may go on fetching after its clients have everything. It is steadier than clocks on a busy machine.
* nginx: `proxy_cache` with `proxy_cache_lock`, kept connections to the upstream, `sendfile`, no access log, sizes of
  buffers as they come. docker-registry: proxy mode, files, descriptors in memory, no access log. Ours: the
  defaults, with an access log that goes to /dev/null.
"""


def table(measurements: Sequence[Measurement]) -> str:
    """Everything measured as a Markdown table, one line a figure."""
    lines = [_HEADINGS, tuple("---" for _ in _HEADINGS)]
    for row in _rows(measurements):
        by_server = {one.server: one for one in measurements if one.row is row}
        lines += [_line(row, index, figure, by_server) for index, figure in enumerate(row.figures)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADINGS))]
    padded = (
        "| "
        + " | ".join(
            cell.ljust(width, "-" if cell == "---" else " ") for cell, width in zip(line, widths, strict=True)
        )
        + " |"
        for line in lines
    )
    return "\n".join(padded) + "\n"


def failures(measurements: Iterable[Measurement]) -> str:
    """One item for each that gave nothing; empty if all went well."""
    return "".join(f"* {one.row.work}, {one.server}: {one.failure}\n" for one in measurements if one.failure)


def page(measurements: Sequence[Measurement], machine: Machine, cores: Cores, *, rounds: int, day: date) -> str:
    """The whole of RESULTS.md."""
    failed = failures(measurements)
    return (
        "# Benchmark results\n\n"
        f"Measured on {day.isoformat()} by `python -m benchmarks --rounds {rounds}`; absolute figures are this"
        " machine's, the ratios are what counts.\n\n"
        f"* Machine: {machine.processor}, {machine.cores} cores, {machine.memory / 2**30:.0f} GiB of memory,"
        f" {machine.kernel}; content and caches on {machine.file_system}.\n"
        f"* {describe_cores(cores)}\n"
        f"* Versions: {', '.join(machine.versions)}.\n\n"
        f"{table(measurements)}\n"
        f"{'Not measured:' + chr(10) * 2 + failed + chr(10) if failed else ''}"
        f"## How it was measured\n\n{_METHOD}"
    )


def _rows(measurements: Iterable[Measurement]) -> list[Row]:
    return list({one.row.name: one.row for one in measurements}.values())


def _line(row: Row, index: int, figure: Figure, by_server: Mapping[str, Measurement]) -> tuple[str, ...]:
    numbers = {
        server: [numbers[index] for numbers in one.rounds]
        for server, one in by_server.items()
        # The upstream's own processor time is nobody's figure.
        if one.rounds and not (server == DIRECT and figure.name.startswith("CPU"))
    }
    medians = {server: statistics.median(found) for server, found in numbers.items()}
    ours = medians.pop(OURS, None)
    met = [None if ours is None else goal.is_met(figure, ours, medians) for goal in figure.goals]
    return (
        row.work if index == 0 else "",
        f"{figure.name}, {figure.unit}" if figure.unit else figure.name,
        "; ".join(goal.text() for goal in figure.goals),
        *(_spread(numbers.get(server)) for server in _SERVERS),
        *(
            _NOTHING if ours is None or other not in medians else readable(figure.speed(ours, medians[other]))
            for other in _OTHERS
        ),
        ", ".join({True: "yes", False: "no", None: _NOTHING}[answer] for answer in met),
    )


def _spread(numbers: Sequence[float] | None) -> str:
    if not numbers:
        return _NOTHING
    median = readable(statistics.median(numbers))
    return median if len(numbers) == 1 else f"{median} ({readable(min(numbers))} - {readable(max(numbers))})"
