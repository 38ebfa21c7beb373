"""The composition root: from a configuration to a running program. The only module that sees every layer."""

from __future__ import annotations

import math
import random
import ssl
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import cache, partial
from types import TracebackType
from typing import Self, TextIO

from yarl import URL

from proxy.auth.dockerstores import DockerStores
from proxy.auth.tokens import TokenService
from proxy.auth.wiring import authorizer_for
from proxy.cache.content import DiskContent
from proxy.cache.disk import Disk
from proxy.cache.entries import EntryStore, walk
from proxy.cache.fill import FillTools
from proxy.cache.fills import Fills
from proxy.cache.folder import DataFolder
from proxy.cache.sweeper import Sweeper
from proxy.cache.view import View
from proxy.config.model import BasicAuth, BearerAuth, Config, SourceSettings
from proxy.core.clock import Clock
from proxy.core.retry import RetryRule
from proxy.observe.access import AccessLog
from proxy.observe.clock import SystemClock
from proxy.pipeline.asking import Sources
from proxy.pipeline.fetching import Fetches
from proxy.pipeline.lists import Lists
from proxy.pipeline.objects import Objects
from proxy.pipeline.pipeline import Pipeline
from proxy.pipeline.probing import Probes
from proxy.pipeline.readiness import Readiness
from proxy.pipeline.storage import Storage
from proxy.pipeline.streaming import Streams
from proxy.sources.oci import OciSource
from proxy.sources.routing import OciRoutes
from proxy.upstream.client import Upstream
from proxy.upstream.connections import Connections, client_tls
from proxy.upstream.origin import origins_of
from proxy.web.door import Door
from proxy.web.handler import Handler
from proxy.web.server import Listener, bind


class Moorage:
    """The program between start and stop: `async with Moorage(config, environ=…) as running`."""

    def __init__(
        self,
        config: Config,
        *,
        environ: Mapping[str, str],
        clock: Clock | None = None,
        jitter: Callable[[], float] = random.random,
        access_stream: TextIO = sys.stderr,
    ) -> None:
        self._config = config
        self._environ = environ
        self._clock: Clock = clock or SystemClock()
        self._jitter = jitter
        self._access_stream = access_stream
        self._retry = RetryRule()
        self._running = AsyncExitStack()
        self.addresses: tuple[str, ...] = ()

    async def __aenter__(self) -> Self:
        """Claim the data folder, listen and serve. ConfigError if either is not to be had."""
        try:
            await self._start()
        except BaseException:
            await self._running.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Accept nothing more, let transfers end within the drain limit, put every file in order."""
        await self._running.aclose()

    async def _start(self) -> None:
        # What is begun first is ended last.
        config = self._config
        folder = DataFolder.claim(config.cache.data_dir)
        self._running.callback(folder.release)
        sockets = bind(config.server.host, config.server.port)
        for listening in sockets:
            self._running.callback(listening.close)
        disk = Disk()
        self._running.callback(disk.close)
        view = View(folder.path / "index.sqlite3", partial(walk, folder.path))
        self._running.push_async_callback(view.close)
        await view.open()
        content = DiskContent(folder.path, disk)
        await disk.run(content.sweep)
        storage = Storage(entries=EntryStore(folder.path, disk, view), content=content, disk=disk)
        fills = Fills()
        sweeper = Sweeper(content, disk=disk, clock=self._clock, live=fills.holds)
        self._running.push_async_callback(sweeper.close)
        sweeper.start()
        pipeline = self._pipeline(disk, view, content, storage, fills)
        log_format = config.log.format
        access = AccessLog(self._access_stream, as_json=log_format == "json")
        self._running.callback(access.flush)
        handler = Handler(
            door=Door(allowed_hosts=config.server.allowed_hosts, allow=config.server.allow),
            registry=OciRoutes(self._oci_source(settings) for settings in self._enabled()),
            pipeline=pipeline,
            access=access,
            clock=self._clock,
            hindrance=Readiness(folder=folder, disk=disk, storage=storage, fills=fills).hindrance,
        )
        listener = Listener(handler.handle, handler.refuse, sockets)
        self._running.push_async_callback(listener.stop)
        await listener.start()
        self.addresses = listener.addresses

    def _pipeline(self, disk: Disk, view: View, content: DiskContent, storage: Storage, fills: Fills) -> Pipeline:
        cache, clock = self._config.cache, self._clock
        sources = Sources(
            self._upstreams(),
            clock=clock,
            retry=self._retry,
            jitter=self._jitter,
            negative_ttl=cache.negative_ttl,
            offline=cache.offline,
        )
        # The limit is for sources that fail. Offline is a choice: then all that is held is served.
        stale_if_error = math.inf if cache.offline else cache.stale_if_error
        tools = FillTools(content=content, disk=disk, clock=clock, jitter=self._jitter, retry=self._retry)
        streams = Streams(sources=sources, storage=storage, fills=fills, tools=tools, clock=clock)
        fetches = Fetches(sources=sources, storage=storage, clock=clock)
        probes = Probes(sources=sources, storage=storage, fetches=fetches, clock=clock)
        objects = Objects(
            sources=sources,
            storage=storage,
            probes=probes,
            fetches=fetches,
            streams=streams,
            clock=clock,
            stale_if_error=stale_if_error,
            claim_lifetime=cache.tag_ttl,
        )
        lists = Lists(sources=sources, storage=storage, view=view, clock=clock, stale_if_error=stale_if_error)
        for part in (streams, fetches, probes, lists):
            self._running.push_async_callback(part.close)
        return Pipeline(objects=objects, lists=lists)

    def _upstreams(self) -> dict[str, Upstream]:
        stores = DockerStores(self._environ, self._clock)
        self._running.push_async_callback(stores.close)
        tls = cache(client_tls)
        if any(settings.url.startswith("https:") for settings in self._enabled()):
            # It would hold up everybody if the first request had to wait for it.
            tls()
        return {settings.name: self._upstream(settings, stores, tls) for settings in self._enabled()}

    def _upstream(
        self, settings: SourceSettings, stores: DockerStores, tls: Callable[[], ssl.SSLContext]
    ) -> Upstream:
        clock, auth = self._clock, settings.auth
        origins = auth.origins if isinstance(auth, BearerAuth | BasicAuth) else ()
        connections = Connections(
            source=settings.name,
            url=URL(settings.url),
            trusted=origins_of((*settings.trusted_realms, *settings.trusted_redirects, *origins)),
            clock=clock,
            tls=tls,
        )
        self._running.push_async_callback(connections.close)
        tokens = TokenService(connections.fetch, clock)
        self._running.push_async_callback(tokens.close)
        authorizer = authorizer_for(settings, stores=stores, tokens=tokens, fetch=connections.fetch, clock=clock)
        self._running.push_async_callback(authorizer.close)
        return Upstream(
            name=settings.name,
            url=URL(settings.url),
            credential_origins=origins_of(origins),
            authorizer=authorizer,
            connections=connections,
            clock=clock,
        )

    def _oci_source(self, settings: SourceSettings) -> OciSource:
        return OciSource(
            name=settings.name,
            base=self._base(settings),
            hosts=frozenset(settings.hosts),
            default=settings.default,
            tag_ttl=self._config.cache.tag_ttl,
        )

    def _base(self, settings: SourceSettings) -> str:
        """The address under which the cache knows what a source gave.

        Sources that share an address are different accounts there. What one may read says nothing about the other,
        so each of them stands under its name as well.
        """
        shared = any(other is not settings and other.url == settings.url for other in self._enabled())
        return f"{settings.url}#{settings.name}" if shared else settings.url

    def _enabled(self) -> tuple[SourceSettings, ...]:
        return tuple(settings for settings in self._config.sources if settings.enabled)
