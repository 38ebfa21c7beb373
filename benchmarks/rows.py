"""The rows of the table: what is asked of each server, and what is noted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from benchmarks.content import MANIFEST_TYPE, Content
from benchmarks.downloads import Download, download, download_together
from benchmarks.goals import AtLeast, AtMost, Behind, Figure
from benchmarks.load import press
from benchmarks.peers import DIRECT, DOCKER_REGISTRY, NGINX, Target
from benchmarks.processes import BenchmarkError
from benchmarks.upstream import FAST, TAG, blob_path, manifest_path

Numbers = tuple[float, ...]
"""One for each figure of a row, in their order."""

_MANIFEST_ACCEPT = f"{MANIFEST_TYPE}, application/vnd.oci.image.index.v1+json"
_FEW, _MANY = 16, 32
_CROWD = 50
_WARMING_ATTEMPTS = 10

_RATE = Figure("requests", "/s", more_is_better=True)
_CPU_REQUEST = Figure("CPU a request", "µs", more_is_better=False)
_TIME = Figure("time", "s", more_is_better=False)
_CPU = Figure("CPU", "s", more_is_better=False)
_FIRST_BYTE = Figure("first byte", "ms", more_is_better=False)
_UPSTREAM_REQUESTS = Figure("upstream requests", "", more_is_better=False)


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of work.

    A cold row gets a server with an empty cache each time. `direct` rows are measured on the upstream itself as
    well. `prepare` runs before the first measurement of a server, outside all figures.
    """

    name: str
    work: str
    figures: tuple[Figure, ...]
    measure: Callable[[Target], Numbers]
    prepare: Callable[[Target], None]
    cold: bool = False
    direct: bool = False
    needs_wrk: bool = False


@dataclass(frozen=True, slots=True)
class _Asked:
    """Where a row's object is found, which depends on the digests of the run. `always_asked`: see `_warm`."""

    path: Callable[[Target], str]
    content: Callable[[Target], Content]
    accept: str = "*/*"
    always_asked: frozenset[str] = frozenset()


def all_rows() -> tuple[Row, ...]:
    """In the order of the table."""
    return (
        _pressed("manifest", "cached manifest by digest, heads different", _MANIFEST, _FEW, 0.5, thirtyfold=True),
        _pressed("tag", "cached manifest by tag, heads different", _TAG, _FEW, 0.5, thirtyfold=True),
        _pressed("manifest-identical", "the same by digest, heads identical", _MANIFEST, _FEW, 1.5, identical=True),
        _pressed("blob-64k", "cached 64 KiB blob, heads different", _SMALL, _FEW, 0.5, thirtyfold=True),
        _pressed("blob-1m", f"cached 1 MiB blob, {_MANY} connections", _MEDIUM, _MANY, 0.9),
        Row(
            "blob-1g",
            "cached 1 GiB blob, one connection",
            (replace(_TIME, goals=(AtLeast(1.0, NGINX),)), _CPU),
            _warm_huge,
            partial(_warm, _HUGE),
        ),
        Row(
            "cold-paced",
            "cold 1 GiB fill, upstream at 125 MB/s",
            (
                replace(_TIME, goals=(AtLeast(0.97, DIRECT),)),
                replace(_FIRST_BYTE, goals=(Behind(10, DIRECT),)),
                _CPU,
            ),
            partial(_cold_huge, "bench/paced-125"),
            _connect,
            cold=True,
            direct=True,
        ),
        Row(
            "cold",
            "cold 1 GiB fill, upstream unlimited",
            (replace(_TIME, goals=(AtLeast(1.0, NGINX), AtLeast(1.0, DOCKER_REGISTRY))), _FIRST_BYTE, _CPU),
            partial(_cold_huge, FAST),
            _connect,
            cold=True,
            direct=True,
        ),
        Row(
            "crowd",
            f"{_CROWD} cold clients on one 100 MiB blob at 50 MB/s",
            (
                replace(_UPSTREAM_REQUESTS, goals=(AtMost(1),)),
                replace(_FIRST_BYTE, name="slowest first byte", goals=(AtMost(100),)),
                replace(_TIME, name="time of the slowest"),
                _CPU,
            ),
            _crowd,
            _connect,
            cold=True,
        ),
    )


_MANIFEST = _Asked(
    lambda target: manifest_path(target.upstream.image.manifest.digest),
    lambda target: target.upstream.image.manifest,
    _MANIFEST_ACCEPT,
)
_TAG = _Asked(
    lambda _: manifest_path(TAG),
    lambda target: target.upstream.image.manifest,
    _MANIFEST_ACCEPT,
    always_asked=frozenset({DOCKER_REGISTRY}),
)
_SMALL = _Asked(
    lambda target: blob_path(FAST, target.upstream.image.small), lambda target: target.upstream.image.small
)
_MEDIUM = _Asked(
    lambda target: blob_path(FAST, target.upstream.image.medium), lambda target: target.upstream.image.medium
)
_HUGE = _Asked(lambda target: blob_path(FAST, target.upstream.image.huge), lambda target: target.upstream.image.huge)


def _pressed(
    name: str,
    work: str,
    asked: _Asked,
    connections: int,
    ratio: float,
    *,
    thirtyfold: bool = False,
    identical: bool = False,
) -> Row:
    """A row of load by wrk on something cached; `ratio` is the target against nginx."""
    goals = (AtLeast(ratio, NGINX), *((AtLeast(30, DOCKER_REGISTRY),) if thirtyfold else ()))
    measure = partial(_press, asked, connections, identical)
    figures = (replace(_RATE, goals=goals), _CPU_REQUEST)
    return Row(name, work, figures, measure, partial(_warm, asked), needs_wrk=True)


def _press(asked: _Asked, connections: int, identical: bool, target: Target) -> Numbers:
    before = _cpu(target)
    load = press(target.port, asked.path(target), connections=connections, accept=asked.accept, identical=identical)
    return (load.rate, (_cpu(target) - before) / load.requests * 1e6)


def _warm_huge(target: Target) -> Numbers:
    before = _cpu(target)
    got = _fetch(_HUGE, target)
    return (got.seconds, _cpu(target) - before)


def _cold_huge(repository: str, target: Target) -> Numbers:
    huge = target.upstream.image.huge
    before = _cpu(target)
    got = download(target.port, blob_path(repository, huge), size=huge.size)
    target.upstream.await_quiet()
    return (got.seconds, got.first_byte * 1e3, _cpu(target) - before)


def _crowd(target: Target) -> Numbers:
    upstream, large = target.upstream, target.upstream.image.large
    path = blob_path("bench/paced-50", large)
    position, before = upstream.log_position(), _cpu(target)
    crowd = download_together(target.port, path, size=large.size, clients=_CROWD)
    upstream.await_quiet()
    return (
        float(upstream.requests_since(position, large)),
        max(got.first_byte for got in crowd) * 1e3,
        max(got.seconds for got in crowd),
        _cpu(target) - before,
    )


def _warm(asked: _Asked, target: Target) -> None:
    """Fetch until the upstream is no longer asked: some store only after they have answered.

    Who is known to ask the upstream each time is measured doing so.
    """
    _fetch(asked, target)
    for _ in range(_WARMING_ATTEMPTS):
        target.upstream.await_quiet()
        position = target.upstream.log_position()
        _fetch(asked, target)
        target.upstream.await_quiet()
        if target.name in asked.always_asked or target.upstream.log_position() == position:
            return
    raise BenchmarkError("it does not keep what it fetched")


def _connect(target: Target) -> None:
    """Fetch something else first, so that no figure holds the start of a program or of its connections."""
    _fetch(_MANIFEST, target)
    _fetch(_SMALL, target)
    target.upstream.await_quiet()


def _fetch(asked: _Asked, target: Target) -> Download:
    return download(target.port, asked.path(target), size=asked.content(target).size, accept=asked.accept)


def _cpu(target: Target) -> float:
    return 0.0 if target.process is None else target.process.cpu_seconds()
