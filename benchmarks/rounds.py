"""The run: the same work on one server after the other, round after round, so that drift of the machine hits all."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.content import GIB, make_image
from benchmarks.goals import readable
from benchmarks.load import wrk_available
from benchmarks.peers import DIRECT, Peer, Target
from benchmarks.processes import BenchmarkError, Cores, find_program
from benchmarks.rows import Numbers, Row
from benchmarks.upstream import Upstream, static_registry

_SPACE = 7 * GIB


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one row gave for one server in all rounds; `failure` says why there is nothing."""

    row: Row
    server: str
    rounds: tuple[Numbers, ...]
    failure: str | None = None


@dataclass(slots=True)
class _Series:
    """A measurement that is being made."""

    row: Row
    server: str
    rounds: list[Numbers] = field(default_factory=list)
    failure: str | None = None

    def add(self, target: Target, *, prepare: bool) -> None:
        """One round, unless an earlier one failed. A server that fails at some work stops nobody else."""
        if self.failure is not None:
            return
        try:
            if prepare:
                self.row.prepare(target)
            numbers = self.row.measure(target)
        except (BenchmarkError, OSError) as failed:
            self.fail(str(failed))
            return
        self.rounds.append(numbers)
        shown = ", ".join(
            f"{figure.name} {readable(number)} {figure.unit}".rstrip()
            for figure, number in zip(self.row.figures, numbers, strict=True)
        )
        _say(f"{self.row.name}, {self.server}: {shown}")

    def fail(self, failure: str) -> None:
        """Give up, with the reason."""
        self.failure = failure
        _say(f"{self.row.name}, {self.server}: failed: {failure}")

    def finished(self) -> Measurement:
        """Nothing of it counts if any round failed."""
        return Measurement(self.row, self.server, () if self.failure else tuple(self.rounds), self.failure)


def run(rows: Sequence[Row], peers: Sequence[Peer], cores: Cores, *, rounds: int) -> tuple[Measurement, ...]:
    """Measure rows on all peers. BenchmarkError if the machine lacks what every row needs."""
    nginx = find_program("nginx")
    if nginx is None:
        raise BenchmarkError("nginx is missing, which is the upstream as well; on Debian: apt-get install nginx")
    # The upstream and wrk are our children, so they run where we do.
    os.sched_setaffinity(0, cores.load)
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as made:
        folder = Path(made)
        if shutil.disk_usage(folder).free < _SPACE:
            raise BenchmarkError(f"{_SPACE // GIB} GiB of free space are needed; TMPDIR chooses another folder")
        content, upstream_folder = folder / "content", folder / "upstream"
        content.mkdir()
        upstream_folder.mkdir()
        _say("making 1.1 GiB of content")
        image = make_image(content)
        with static_registry(nginx, upstream_folder, image) as upstream:
            bench = _Bench(peers=peers, folder=folder, upstream=upstream, cores=cores, rounds=rounds)
            warm = bench.warm_rows([row for row in rows if not row.cold])
            cold = [measurement for row in rows if row.cold for measurement in bench.cold_row(row)]
    return (*warm, *cold)


@dataclass(frozen=True, slots=True)
class _Bench:
    """Everything that measuring a row takes."""

    peers: Sequence[Peer]
    folder: Path
    upstream: Upstream
    cores: Cores
    rounds: int

    def warm_rows(self, rows: Sequence[Row]) -> list[Measurement]:
        """All servers run side by side; whichever is not asked idles."""
        if not rows:
            return []
        series: list[_Series] = []
        with contextlib.ExitStack() as running:
            targets = [running.enter_context(self._started(peer)) for peer in self.peers]
            for row in rows:
                of_row = [_Series(row, target.name) for target in targets]
                series += of_row
                if row.needs_wrk and not wrk_available():
                    for one in of_row:
                        one.fail("wrk is missing; on Debian: apt-get install wrk")
                for number in range(self.rounds):
                    for one, target in zip(of_row, targets, strict=True):
                        one.add(target, prepare=number == 0)
        return [one.finished() for one in series]

    def cold_row(self, row: Row) -> list[Measurement]:
        """A server with an empty cache for each measurement, alone."""
        series = {peer.name: _Series(row, peer.name) for peer in self.peers}
        if row.direct:
            series[DIRECT] = _Series(row, DIRECT)
        for _ in range(self.rounds):
            for peer in self.peers:
                # Nobody pays for writing what the one before left in memory.
                os.sync()
                with self._started(peer) as target:
                    series[peer.name].add(target, prepare=True)
            if row.direct:
                os.sync()
                series[DIRECT].add(Target(DIRECT, self.upstream.port, None, self.upstream), prepare=True)
        return [one.finished() for one in series.values()]

    def _started(self, peer: Peer) -> contextlib.AbstractContextManager[Target]:
        return peer.started(self.folder, self.upstream, self.cores)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
