"""The program, wired as in production and run inside the test: real sockets, an injected clock if wanted."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from proxy.app import Moorage
from proxy.config.model import CacheSettings, Config, LogSettings, NoAuth, ServerSettings, SourceSettings
from proxy.core.clock import Clock


@dataclass(slots=True)
class Running:
    """A running proxy: where it is, its data folder, and what it has logged of requests so far."""

    url: str
    data_dir: Path
    app: Moorage
    access: io.StringIO = field(default_factory=io.StringIO)


def source(url: str, name: str = "test", **settings: object) -> SourceSettings:
    """Settings of a source without authentication, unless they say otherwise."""
    return SourceSettings.model_validate(
        {"name": name, "type": "oci", "url": url, "auth": NoAuth(type="none"), **settings}
    )


@asynccontextmanager
async def running(
    data_dir: Path,
    *sources: SourceSettings,
    clock: Clock | None = None,
    environ: Mapping[str, str] | None = None,
    cache: Mapping[str, object] | None = None,
    server: Mapping[str, object] | None = None,
) -> AsyncIterator[Running]:
    """Serve these sources from this data folder; retries pause without jitter."""
    config = Config(
        server=ServerSettings.model_validate({"host": "127.0.0.1", "port": 0, **(server or {})}),
        cache=CacheSettings.model_validate({"data_dir": data_dir, **(cache or {})}),
        log=LogSettings(),
        sources=sources,
    )
    access = io.StringIO()
    app = Moorage(config, environ=environ or {}, clock=clock, jitter=lambda: 0.0, access_stream=access)
    async with app:
        yield Running(app.addresses[0], data_dir, app, access)
