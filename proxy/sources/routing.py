"""Which configured OCI source a request under `/v2/` belongs to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from proxy.core.errors import Missing, RequestError
from proxy.core.names import is_repository, looks_like_host
from proxy.core.wants import Held, Meaning, Presented, Ready
from proxy.sources.base import Request
from proxy.sources.oci import ACTIONS, MANIFEST, SOURCE_TYPE, TAG, OciRequest, OciSource
from proxy.sources.window import Window

_PING = Ready(b"{}", "application/json")


@dataclass(frozen=True, slots=True)
class _Route:
    source: OciSource
    components: tuple[str, ...]


class OciRoutes:
    """Chooses by `ns`, then by the first path component, then the default source.

    `ns` and path components are only looked up here, never dialled: a host that nobody configured is a 404
    (distribution-spec, "Registry Proxying").
    """

    def __init__(self, sources: Iterable[OciSource]) -> None:
        self._by_name: dict[str, OciSource] = {}
        self._by_host: dict[str, OciSource] = {}
        self._default: OciSource | None = None
        for source in sources:
            self._by_name[source.name] = source
            self._by_host.update(dict.fromkeys(source.hosts, source))
            if source.default:
                self._default = source

    def match(self, request: Request) -> Meaning:
        """The meaning of a request whose first path segment is `v2`."""
        segments = request.target.segments[1:]
        if segments in {(), ("",)}:
            return _PING
        if request.target.encoded_slash:
            raise RequestError("an encoded slash has no place in an OCI path", code="NAME_INVALID")
        if segments == ("_catalog",):
            return self._catalog(Window.parse(request.target))
        action, components, reference = _split(segments)
        namespace = request.target.parameter("ns")
        route = self._route(components, namespace)
        name = route.source.upstream_name(route.components)
        if not is_repository(name):
            raise RequestError(f"not a repository name: {'/'.join(components)[:255]}", code="NAME_INVALID")
        asked = OciRequest("/".join(components), name, reference, request)
        return route.source.read(action, asked)

    def namespace_of(self, request: Request) -> str | None:
        """The `ns` of a request if it names a source: what `OCI-Namespace` is answered with."""
        namespace = request.target.parameter("ns")
        return namespace if namespace is not None and _host(namespace) in self._by_host else None

    def _catalog(self, window: Window) -> Held:
        """The repositories of which something is cached, by names that lead to them."""
        prefixes = {source.base: source.prefix for source in self._by_name.values()}

        def present(repositories: Sequence[tuple[str, str]]) -> Presented:
            names = {f"{prefixes[base]}/{name}" for base, name in repositories if base in prefixes}
            shown, headers = window.cut(sorted(names), "/v2/_catalog")
            body = json.dumps({"repositories": shown}, separators=(",", ":")).encode()
            return Presented(body, "application/json", headers)

        return Held(SOURCE_TYPE, frozenset({TAG, MANIFEST.name}), present)

    def _route(self, components: tuple[str, ...], namespace: str | None) -> _Route:
        first = components[0] if components else ""
        if namespace is not None:
            source = self._by_host.get(_host(namespace))
            if source is None:
                raise Missing(f"no source for host {namespace[:255]}; add one under [[sources]] to serve it")
            return _Route(source, components[1:] if _host(first) in source.hosts else components)
        found = self._by_host.get(_host(first)) or self._by_name.get(first)
        if found is not None:
            return _Route(found, components[1:])
        if looks_like_host(first):
            raise Missing(f"no source for host {first[:255]}; add one under [[sources]] to serve it")
        if self._default is None:
            raise Missing(
                f"no source named {first[:255]}, and no default source; add `default = true` to a source to have one"
            )
        return _Route(self._default, components)


def _host(text: str) -> str:
    """A host as it is looked up. Only ASCII is folded: a Kelvin sign is no `k` to any name server."""
    return text.lower() if text.isascii() else text


def _split(segments: tuple[str, ...]) -> tuple[str, tuple[str, ...], str]:
    """The action, the name's components and the reference, cut from the right: names hold slashes."""
    action = segments[-2] if len(segments) > 1 else ""
    if action not in ACTIONS or (action == "tags" and segments[-1] != "list"):
        raise Missing(
            "no such endpoint; /v2/<name>/manifests, blobs, tags/list, referrers and /v2/_catalog are served"
        )
    return action, segments[:-2], segments[-1]
