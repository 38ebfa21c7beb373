"""Sources without configuration."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.defaults import default_sources
from proxy.config.model import DockerAuth
from proxy.config.rules import conflicts


def test_knows_the_public_registries() -> None:
    """The well-known hosts each have a source, and Docker Hub is the default under all its names."""
    sources = default_sources(())
    hosts = {host: source for source in sources for host in source.hosts}
    assert set(hosts) == {
        "docker.io",
        "index.docker.io",
        "registry-1.docker.io",
        "ghcr.io",
        "quay.io",
        "registry.k8s.io",
        "mcr.microsoft.com",
        "public.ecr.aws",
    }
    assert [source.name for source in sources if source.default] == ["docker-io"]
    assert hosts["docker.io"].url == "https://registry-1.docker.io"
    assert all(source.enabled and source.auth == DockerAuth() for source in sources)


def test_names_hide_nothing_of_docker_hub() -> None:
    """Each name has a hyphen, which no namespace of Docker Hub has."""
    assert [source.name for source in default_sources(())] == [
        "docker-io",
        "ghcr-io",
        "quay-io",
        "registry-k8s-io",
        "mcr-microsoft-com",
        "public-ecr-aws",
    ]


@pytest.mark.parametrize(
    ("host", "name", "url"),
    [
        ("Registry.Example.com", "registry-example-com", "https://registry.example.com"),
        ("registry.example.com:5000", "registry-example-com-5000", "https://registry.example.com:5000"),
        ("localhost:5000", "localhost-5000", "http://localhost:5000"),
        ("127.0.0.1:5000", "127-0-0-1-5000", "http://127.0.0.1:5000"),
        ("[::1]:5000", "1-5000", "http://[::1]:5000"),
        ("localhost", "localhost-2", "http://localhost"),
        ("10.0.0.7:443", "10-0-0-7", "https://10.0.0.7"),
        ("git", "git-2", "https://git"),
    ],
)
def test_adds_the_users_registries(host: str, name: str, url: str) -> None:
    """A further host gets https, or http on this machine, and a name that is free and allowed."""
    added = default_sources((host,))[-1]
    assert (added.name, added.url, added.auth) == (name, url, DockerAuth())


@pytest.mark.parametrize(
    "host", ["ghcr.io", "index.docker.io", "GHCR.IO:443", "https://index.docker.io/v1/", "", "a b"]
)
def test_passes_over_known_hosts_and_what_is_none(host: str) -> None:
    """The files of other programs hold other things too, and no host is served twice."""
    assert default_sources((host,)) == default_sources(())


_LABELS = st.sampled_from(["a", "a-5", "a-5-2", "a:5", "a.5", "a_5", "ghcr-io", "v2", "_", "b", "B", "b:443"])


@given(st.lists(_LABELS, max_size=8))
def test_sources_never_clash(hosts: list[str]) -> None:
    """Whatever the hosts, names and hosts keep the rules that written sources have to keep."""
    written = [source.model_dump() | {"hosts": list(source.hosts)} for source in default_sources(hosts)]
    assert list(conflicts(written)) == []
