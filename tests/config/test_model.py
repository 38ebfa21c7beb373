"""What each table accepts by itself."""

from __future__ import annotations

import math
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from proxy.config.model import (
    BasicAuth,
    BearerAuth,
    CacheSettings,
    DockerAuth,
    LogSettings,
    NoAuth,
    ServerSettings,
    SourceSettings,
)


def _source(**changes: Any) -> SourceSettings:
    return SourceSettings.model_validate({"name": "a", "type": "oci", "url": "https://ghcr.io"} | changes)


def test_has_the_documented_defaults(tmp_path: Path) -> None:
    """What is left out has the value that the design names."""
    server, cache = ServerSettings(), CacheSettings(data_dir=tmp_path)
    assert (server.host, server.port, server.allowed_hosts, server.allow) == ("localhost", 8080, (), ())
    assert (cache.tag_ttl, cache.negative_ttl, cache.stale_if_error) == (60.0, 5.0, math.inf)
    assert cache.offline is False
    assert LogSettings().format == "text"
    source = _source()
    assert source.auth == DockerAuth()
    assert source.hosts == ("ghcr.io",)
    assert (source.enabled, source.default, source.insecure) == (True, False, False)
    assert (source.trusted_realms, source.trusted_redirects) == ((), ())


def test_models_cannot_be_changed() -> None:
    """A configuration stays what was checked."""
    with pytest.raises(ValidationError, match="frozen"):
        ServerSettings().port = 1  # type: ignore[misc]  # the assignment is what must fail


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.0.0.2", "::1", "[::1]"])
def test_loopback_needs_no_more(host: str) -> None:
    """This machine may always be served, and addresses are kept as sockets take them."""
    assert ServerSettings(host=host).host == host.lower().strip("[]")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "[::]", "0:0::0"])
def test_a_wildcard_address_without_names_is_loopback(host: str) -> None:
    """What other programs write for "everywhere" opens nothing unless the names are written too."""
    assert ServerSettings(host=host).host == "localhost"
    assert ServerSettings(host=host, allow=(ip_network("10.0.0.0/8"),)).host == "localhost"


@pytest.mark.parametrize(("host", "bound"), [("0.0.0.0", "0.0.0.0"), ("[::]", "::"), ("192.168.1.1", "192.168.1.1")])
def test_with_names_and_networks_an_address_is_bound(host: str, bound: str) -> None:
    """Both together let other machines in."""
    server = ServerSettings(host=host, allowed_hosts=("Proxy.lan",), allow=(ip_network("10.0.0.0/8"),))
    assert server.host == bound
    assert server.allowed_hosts == ("proxy.lan",)


@pytest.mark.parametrize(
    ("changes", "key", "said"),
    [
        ({"host": "192.168.1.1"}, "host", "write allowed_hosts"),
        ({"host": "192.168.1.1", "allow": ["10.0.0.0/8"]}, "host", "write allowed_hosts"),
        ({"host": "192.168.1.1", "allowed_hosts": ["a"]}, "host", "write allow ="),
        ({"host": "0.0.0.0", "allowed_hosts": ["a"]}, "host", "write allow ="),
        ({"host": "proxy.lan"}, "host", "localhost or an IP address"),
        ({"host": ""}, "host", "host name or an IP address"),
        ({"port": -1}, "port", "0 to 65535"),
        ({"port": 65_536}, "port", "0 to 65535"),
        ({"port": "8080"}, "port", "valid integer"),
        ({"port": True}, "port", "valid integer"),
        ({"allowed_hosts": ["a:80"]}, "allowed_hosts", "without a port"),
        ({"allowed_hosts": ["*"]}, "allowed_hosts", "wildcard"),
        ({"allow": ["10.0.0.1/8"]}, "allow", "write 10.0.0.0/8"),
    ],
)
def test_refuses_a_wrong_server(changes: dict[str, object], key: str, said: str) -> None:
    """Each rule of the server table names its key and says what to write."""
    with pytest.raises(ValidationError) as caught:
        ServerSettings.model_validate(changes)
    [details] = caught.value.errors()
    assert details["loc"][0] == key
    assert said in details["msg"]


def test_port_zero_is_any_free_port() -> None:
    """Tests and several instances on one machine need it."""
    assert ServerSettings(port=0).port == 0


@pytest.mark.parametrize("name", ["a", "0", "docker-hub", "a--b", "v22"])
def test_takes_a_source_name(name: str) -> None:
    """Lower-case letters, digits and hyphens make a name."""
    assert _source(name=name).name == name


@pytest.mark.parametrize("name", ["", "-", "-a", "A", "a.b", "a_b", "a/b", "a b", "ä", "a\n", ".well-known"])
def test_refuses_a_wrong_source_name(name: str) -> None:
    """Whatever would not stand in a path as one plain component is no name."""
    with pytest.raises(ValidationError, match="name"):
        _source(name=name)


@pytest.mark.parametrize("name", ["v2", "user", "git", "assets", "api", "symbols.zip", "-", "localhost"])
def test_refuses_a_reserved_name(name: str) -> None:
    """Paths with a meaning of their own cannot be taken by a source."""
    with pytest.raises(ValidationError, match="reserved path"):
        _source(name=name)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://ghcr.io/v2", "leave /v2 out"),
        ("https://ghcr.io/v2/", "leave /v2 out"),
        ("https://ghcr.io/v1/", "leave /v1 out"),
        ("https://h/artifactory/api/docker/x/v2", "leave /v2 out"),
        ("https://docker.io", "the registry of Docker Hub is https://registry-1.docker.io"),
        ("https://index.docker.io/v1/", "the registry of Docker Hub is https://registry-1.docker.io"),
        ("http://Index.Docker.io", "the registry of Docker Hub is https://registry-1.docker.io"),
    ],
)
def test_refuses_an_address_that_is_no_registrys_base(url: str, said: str) -> None:
    """What other programs write for a registry, and would be asked in vain here, is refused with the right one."""
    with pytest.raises(ValidationError) as caught:
        _source(url=url)
    [details] = caught.value.errors()
    assert (details["loc"], said in details["msg"]) == (("url",), True)


@pytest.mark.parametrize(
    "url", ["https://registry-1.docker.io", "https://h/v2/mirror", "https://h/apiv2", "https://v2", "https://h/v3"]
)
def test_takes_a_registrys_base(url: str) -> None:
    """Only a last path segment of that kind is one too many."""
    assert _source(url=url).url == url


@pytest.mark.parametrize(
    "auth",
    [{"type": "bearer", "token": "t"}, {"type": "basic", "username": "u", "password": "p"}, {"type": "docker"}],
)
def test_a_credential_goes_over_http_only_where_nobody_listens(auth: dict[str, object]) -> None:
    """Plain http with any credential is for loopback, or for whoever says insecure."""
    with pytest.raises(ValidationError, match="insecure = true"):
        _source(url="http://registry.lan:5000", auth=auth)
    assert _source(url="http://registry.lan:5000", auth=auth, insecure=True).insecure
    for host in ("localhost:5000", "127.0.0.1", "[::1]:5000"):
        assert _source(url=f"http://{host}", auth=auth).hosts == (host,)


def test_http_without_a_credential_is_allowed() -> None:
    """Digests guard the content; there is nothing to listen for."""
    assert _source(url="http://registry.lan:5000", auth={"type": "none"}).auth == NoAuth()


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"auth": {"type": "bearer", "token": "t", "origins": ["http://a"]}}, "auth"),
        ({"trusted_realms": ["http://auth.lan"]}, "trusted_realms"),
    ],
)
def test_further_places_of_a_credential_are_encrypted_too(changes: dict[str, object], key: str) -> None:
    """Extra origins and token realms fall under the rule of the source itself."""
    with pytest.raises(ValidationError) as caught:
        _source(**changes)
    assert [details["loc"][0] for details in caught.value.errors()] == [key]
    assert _source(**changes, insecure=True).insecure


@pytest.mark.parametrize(
    ("written", "hosts"),
    [([], ("ghcr.io",)), (["GHCR.io", "ghcr.io", "B:5000"], ("ghcr.io", "b:5000"))],
)
def test_hosts_are_lower_case_and_default_to_the_url(written: list[str], hosts: tuple[str, ...]) -> None:
    """Each host counts once, in one spelling."""
    assert _source(hosts=written).hosts == hosts


@pytest.mark.parametrize(
    "auth",
    [
        {"type": "bearer"},
        {"type": "bearer", "token": ""},
        {"type": "bearer", "token": "a b"},
        {"type": "bearer", "token": "a\r\nX-Evil: 1"},
        {"type": "bearer", "token": "tokén"},
        {"type": "bearer", "token": "t", "username": "u"},
        {"type": "bearer", "token": "t", "origins": ["a.example.com"]},
        {"type": "bearer", "token": "t", "origins": ["https://a/path"]},
        {"type": "basic", "password": "p"},
        {"type": "basic", "username": "u"},
        {"type": "basic", "username": "u:v", "password": "p"},
        {"type": "basic", "username": "u", "password": "p\n"},
        {"type": "docker", "token": "t"},
        {"type": "none", "origins": []},
        {"type": "oauth2"},
        {"token": "t"},
        "docker",
    ],
)
def test_refuses_a_wrong_credential(auth: object) -> None:
    """A credential that could not be sent as a header, or of no known kind, does not load."""
    with pytest.raises(ValidationError) as caught:
        _source(auth=auth)
    assert {details["loc"][0] for details in caught.value.errors()} == {"auth"}


def test_credentials_are_there_for_who_asks() -> None:
    """The secret itself is intact behind its wrapper."""
    assert BearerAuth(token=SecretStr("t.0~k/=")).token.get_secret_value() == "t.0~k/="
    basic = BasicAuth(username=SecretStr("bob"), password=SecretStr("pass wörd:"))
    assert (basic.username.get_secret_value(), basic.password.get_secret_value()) == ("bob", "pass wörd:")


@pytest.mark.parametrize("changes", [{"tag_ttl": "soon"}, {"offline": 1}, {"data_dir": "relative"}, {"max_size": 1}])
def test_refuses_a_wrong_cache(changes: dict[str, object], tmp_path: Path) -> None:
    """The cache table holds durations, a whole path and nothing unknown."""
    with pytest.raises(ValidationError):
        CacheSettings.model_validate({"data_dir": tmp_path} | changes)
