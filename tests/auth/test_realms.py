"""Which token services a source may name."""

from __future__ import annotations

import pytest

from proxy.auth.realms import check_realm
from proxy.core.errors import SourceBroken


def _check(realm: str, source: str, trusted: tuple[str, ...] = (), origins: tuple[str, ...] = ()) -> None:
    check_realm(realm, source_name="work", source_url=source, trusted=trusted, trusted_origins=origins)


@pytest.mark.parametrize(
    ("source", "realm"),
    [
        ("https://ghcr.io", "https://ghcr.io/token"),
        ("https://ghcr.io", "https://GHCR.IO:443/token?x=y"),
        ("https://registry.example.com:5000", "https://registry.example.com:5001/auth"),
        ("https://registry.example.com", "https://example.com/jwt/auth"),
        ("https://a.b.example.com", "https://b.example.com/auth"),
        ("https://registry-1.docker.io", "https://auth.docker.io/token"),
        ("https://docker.io", "https://auth.docker.io/token"),
        ("https://registry.gitlab.com", "https://gitlab.com/jwt/auth"),
        ("https://docker.elastic.co", "https://docker-auth.elastic.co/auth"),
        ("https://registry.digitalocean.com", "https://api.digitalocean.com/v2/registry/auth"),
        ("http://localhost:5000", "http://localhost:5001/token"),
        ("http://127.0.0.1:5000", "https://127.0.0.1:5001/token"),
        ("https://[::1]:5000", "https://[0:0::1]/token"),
    ],
)
def test_built_in_trust(source: str, realm: str) -> None:
    """The own host, a parent domain and the known services of public registries need no configuration."""
    _check(realm, source)


@pytest.mark.parametrize(
    ("trusted", "origins"),
    [
        (("https://auth.elsewhere.com",), ()),
        (("auth.elsewhere.com",), ()),
        ((), ("https://auth.elsewhere.com",)),
    ],
)
def test_listed_trust(trusted: tuple[str, ...], origins: tuple[str, ...]) -> None:
    """A service listed as an origin, as a host or among the credential's origins is right."""
    _check("https://auth.elsewhere.com/token", "https://registry.example.com", trusted, origins)


@pytest.mark.parametrize(
    ("source", "realm"),
    [
        ("https://registry.example.com", "https://evil.com/"),
        ("https://registry.example.com", "https://auth.example.com/"),
        ("https://registry.example.com", "https://registry.example.com.evil.com/"),
        ("https://registry.example.com", "https://evilregistry.example.com/"),
        ("https://registry.example.com", "https://com/"),
        ("https://registry.example.com", "https://169.254.169.254/latest"),
        ("https://registry.example.com", "https://127.0.0.1/"),
        ("https://registry.example.com", "https://0x7f.1/"),
        ("https://registry.example.com", "https://[::ffff:7f00:1]/"),
        ("https://10.0.0.1", "https://0.0.1/"),
        ("https://10.0.0.1", "https://10.0.0.2/"),
        ("http://localhost:5000", "http://127.0.0.1:5000/"),
        ("https://good.example", "https://good.evil/"),
        ("https://ghcr.io", "https://auth.docker.io/token"),
        ("https://notdocker.io", "https://auth.docker.io/token"),
    ],
)
def test_other_hosts_are_refused(source: str, realm: str) -> None:
    """Whatever merely looks like the source, or is a special address, gets nothing."""
    with pytest.raises(SourceBroken):
        _check(realm, source)


def test_refusal_prints_the_line_to_add() -> None:
    """The message of a refusal can be pasted, and what it says to add then works."""
    with pytest.raises(SourceBroken) as caught:
        _check("https://Auth.Elsewhere.com/token?client=x", "https://registry.example.com")
    assert 'trusted_realms = ["https://auth.elsewhere.com"]' in caught.value.message
    assert "source work" in caught.value.message
    _check("https://Auth.Elsewhere.com/token", "https://registry.example.com", ("https://auth.elsewhere.com",))


@pytest.mark.parametrize(
    "realm",
    [
        "",
        "token",
        "/token",
        "//registry.example.com/token",
        "https:///token",
        "https://?x",
        "https://user@registry.example.com/",
        "https://registry.example.com@evil.com/",
        "https://registry.example.com\\@evil.com/",
        "https://registry.example.com:99999/",
        "https://registry.example.com:x/",
        "https://registry.example.com%2eevil.com/",
        "https://registry.example.com/a b",
        "https://registry.example.com/\r\nX: y",
        "https://régistry.example.com/",
        "ftp://registry.example.com/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://[::1",
        "https://" + ":" * 8000 + "z/",
    ],
)
def test_what_is_no_plain_url_is_refused(realm: str) -> None:
    """A realm that two readers could read in two ways is never asked, whatever is trusted, and never repeated."""
    with pytest.raises(SourceBroken) as caught:
        _check(realm, "https://registry.example.com", ("https://evil.com", "evil.com"))
    assert "evil" not in caught.value.message


def test_https_sources_have_https_realms() -> None:
    """Not even the own host or a listed one may be asked over http for a source with https."""
    for realm in ("http://registry.example.com/token", "http://auth.example.org/token"):
        with pytest.raises(SourceBroken, match="use https"):
            _check(realm, "https://registry.example.com", ("http://auth.example.org",))


def test_listing_names_the_scheme_and_port() -> None:
    """A listed origin stands for itself, not for another port of its host."""
    with pytest.raises(SourceBroken):
        _check("https://auth.org:8443/", "https://registry.example.com", ("https://auth.org", "auth.org"))
    _check("https://auth.org:8443/", "https://registry.example.com", ("auth.org:8443",))
