"""The rules of credential files, over parsed JSON."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.auth.credentials import BearerToken, Credential, IdentityToken, UserPassword
from proxy.auth.dockerconfig import (
    RegistryNames,
    decode_entry,
    entries_for,
    exact_entries_for,
    helpers_for,
    hosts_named,
)

_HUB_KEY = "https://index.docker.io/v1/"


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _keys(document: dict[str, object], url: str, repository: str = "team/app") -> list[str]:
    return [key for key, _ in entries_for(document, RegistryNames.of(url), repository)]


@pytest.mark.parametrize(
    ("url", "names"),
    [
        ("https://ghcr.io", ("ghcr.io", "ghcr.io:443")),
        ("http://registry.local", ("registry.local", "registry.local:80")),
        ("https://registry.local:5000", ("registry.local:5000",)),
        ("https://registry.local:5000/base/path", ("registry.local:5000",)),
        ("https://[::1]:5000", ("[::1]:5000",)),
        ("https://[::1]", ("[::1]", "[::1]:443")),
        ("https://registry-1.docker.io", (_HUB_KEY, "index.docker.io", "docker.io", "registry-1.docker.io")),
        ("https://docker.io", (_HUB_KEY, "index.docker.io", "docker.io", "registry-1.docker.io")),
    ],
)
def test_names_of_a_registry(url: str, names: tuple[str, ...]) -> None:
    """A registry is looked for under its host and port, Docker Hub under all its names."""
    assert RegistryNames.of(url).names == names


@pytest.mark.parametrize(
    ("document", "url", "expected"),
    [
        ({}, "https://ghcr.io", []),
        ({"credHelpers": {"ghcr.io": "one"}}, "https://ghcr.io", [("one", "ghcr.io")]),
        ({"credHelpers": {"quay.io": "one"}}, "https://ghcr.io", []),
        ({"credHelpers": {"ghcr.io": ""}, "credsStore": "all"}, "https://ghcr.io", [("all", "ghcr.io")]),
        (
            {"credHelpers": {"ghcr.io": "one"}, "credsStore": "all"},
            "https://ghcr.io",
            [("one", "ghcr.io"), ("all", "ghcr.io")],
        ),
        ({"credHelpers": {"docker.io": "one"}}, "https://registry-1.docker.io", [("one", _HUB_KEY)]),
        ({"credHelpers": {_HUB_KEY: "one"}}, "https://registry-1.docker.io", [("one", _HUB_KEY)]),
        (
            {"credHelpers": {"docker.io": "two", "index.docker.io": "one"}},
            "https://docker.io",
            [("one", _HUB_KEY)],
        ),
        ({"credHelpers": {"a.example:443": "one"}}, "https://a.example", [("one", "a.example:443")]),
        ({"credHelpers": "wrong", "credsStore": 5}, "https://ghcr.io", []),
    ],
)
def test_helpers_in_order(document: dict[str, object], url: str, expected: list[tuple[str, str]]) -> None:
    """The helper for a registry goes before the one for all, each asked with the name it files by."""
    assert list(helpers_for(document, RegistryNames.of(url))) == expected


def test_longest_prefix_first() -> None:
    """An entry for a namespace goes before one for the host, whatever their order in the file."""
    keys = ["quay.io", "quay.io/team", "quay.io/team/app", "quay.io/team/app/deep", "quay.io/tea", "ghcr.io"]
    document: dict[str, object] = {"auths": {key: {} for key in keys}}
    assert _keys(document, "https://quay.io") == ["quay.io/team/app", "quay.io/team", "quay.io"]


@pytest.mark.parametrize(
    ("key", "url", "found"),
    [
        ("https://ghcr.io", "https://ghcr.io", True),
        ("https://ghcr.io/", "https://ghcr.io", True),
        ("http://ghcr.io/v2/", "https://ghcr.io", True),
        ("HTTPS://GHCR.IO/v1/", "https://ghcr.io", True),
        ("GHCR.io", "https://ghcr.io", True),
        ("ghcr.io/", "https://ghcr.io", True),
        ("ghcr.io:443", "https://ghcr.io", True),
        ("https://ghcr.io:443/x", "https://ghcr.io", True),
        ("ghcr.io:5000", "https://ghcr.io", False),
        ("ghcr.io", "https://ghcr.io:5000", False),
        ("ghcr.io/other", "https://ghcr.io", False),
        ("xghcr.io", "https://ghcr.io", False),
        ("ftp://ghcr.io", "https://ghcr.io", False),
        ("docker.io", "https://registry-1.docker.io", True),
        ("docker.io/team", "https://registry-1.docker.io", True),
        ("registry-1.docker.io", "https://registry-1.docker.io", True),
        ("https://docker.io/v1/", "https://registry-1.docker.io", True),
        (_HUB_KEY, "https://registry-1.docker.io", True),
        (_HUB_KEY, "https://ghcr.io", False),
    ],
)
def test_keys_that_mean_a_registry(key: str, url: str, found: bool) -> None:
    """Schemes, paths behind them, slashes and case around a host are seen through; other namespaces never match."""
    assert _keys({"auths": {key: {}}}, url) == ([key] if found else [])


def test_exact_keys_go_before_normalised_ones() -> None:
    """The plain host wins over the same host written as a URL."""
    document: dict[str, object] = {"auths": {"https://ghcr.io/v1/": {}, "ghcr.io": {}}}
    assert _keys(document, "https://ghcr.io") == ["ghcr.io", "https://ghcr.io/v1/"]


def test_inline_document_needs_exact_keys() -> None:
    """DOCKER_AUTH_CONFIG has neither namespaces nor normalised keys."""
    document: dict[str, object] = {"auths": {"ghcr.io/team": {}, "https://ghcr.io": {}, "ghcr.io": {}}}
    assert [key for key, _ in exact_entries_for(document, RegistryNames.of("https://ghcr.io"))] == ["ghcr.io"]
    assert not list(exact_entries_for({}, RegistryNames.of("https://ghcr.io")))


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({}, None),
        ({"auth": ""}, None),
        ({"auth": _b64(":")}, None),
        ({"email": "x@y"}, None),
        ({"auth": 5, "username": None}, None),
        ({"auth": _b64("user:pass")}, UserPassword("user", "pass")),
        ({"auth": _b64("user:pa:ss")}, UserPassword("user", "pa:ss")),
        ({"auth": _b64("user:pässword!").rstrip("=")}, UserPassword("user", "pässword!")),
        ({"auth": "  " + _b64("user:pass")[:6] + "\n" + _b64("user:pass")[6:]}, UserPassword("user", "pass")),
        ({"auth": _b64("user:pass\0\0")}, UserPassword("user", "pass")),
        ({"auth": _b64("<token>:abc")}, IdentityToken("", "abc")),
        ({"username": "user", "password": "pass"}, UserPassword("user", "pass")),
        ({"username": "<token>", "password": "abc"}, IdentityToken("", "abc")),
        ({"auth": _b64("a:b"), "username": "c", "password": "d"}, UserPassword("a", "b")),
        ({"auth": _b64("user:"), "identitytoken": "abc"}, IdentityToken("user", "abc")),
        ({"username": "user", "identitytoken": "abc"}, IdentityToken("user", "abc")),
        ({"auth": "%%%", "identitytoken": "abc"}, IdentityToken("", "abc")),
        ({"auth": _b64("a:b"), "identitytoken": ""}, UserPassword("a", "b")),
        ({"registrytoken": "abc", "identitytoken": "x", "auth": _b64("a:b")}, BearerToken("abc")),
    ],
)
def test_entries(entry: object, expected: Credential | None) -> None:
    """Each form of an entry means the credential that the programs which write it mean."""
    assert decode_entry(entry) == expected


@pytest.mark.parametrize(
    "entry",
    [
        [],
        "canary",
        None,
        {"auth": "canary%"},
        {"auth": "canar"},
        {"auth": _b64("canary without colon")},
        {"auth": base64.b64encode(b"canary:\xff\xfe").decode()},
        {"username": "canary:x", "password": "canary"},
        {"username": "user", "password": "canary\ud800"},
        {"registrytoken": "canary\r\nX-Evil: 1"},
    ],
)
def test_unreadable_entries_say_why_and_nothing_else(entry: object) -> None:
    """An entry that cannot be used raises an error that holds nothing of it."""
    with pytest.raises(ValueError) as caught:
        decode_entry(entry)
    assert "canary" not in repr(caught.value)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
_ENTRY = st.dictionaries(st.sampled_from(["auth", "username", "password", "identitytoken", "registrytoken"]), _JSON)
_KEY = st.sampled_from(["ghcr.io", "https://ghcr.io/", "ghcr.io/team"]) | st.text(max_size=10)
_SECTION = _JSON | st.dictionaries(_KEY, _ENTRY | _JSON, max_size=3)


@given(st.dictionaries(st.sampled_from(["auths", "credHelpers", "credsStore"]), _SECTION))
def test_any_json_is_survived(document: dict[str, object]) -> None:
    """Whatever somebody wrote into the file, only reading a single entry may fail, and with ValueError."""
    registry = RegistryNames.of("https://ghcr.io")
    assert all(isinstance(host, str) for host in hosts_named(document))
    assert all(name for name, _ in helpers_for(document, registry))
    for _, entry in entries_for(document, registry, "team/app"):
        try:
            credential = decode_entry(entry)
        except ValueError:
            continue
        assert credential is None or credential.fingerprint


def test_hosts_named() -> None:
    """Hosts come from both tables, plainly written; what is no host is passed over."""
    document: dict[str, object] = {
        "auths": {"https://index.docker.io/v1/": {}, "Quay.io/team": {}, "bad host": {}, "": {}, "a_b:99999": {}},
        "credHelpers": {"123.dkr.ecr.eu-west-1.amazonaws.com": "ecr-login", "localhost:5000": "x"},
        "credsStore": "desktop",
    }
    assert list(hosts_named(document)) == [
        "docker.io",
        "quay.io",
        "123.dkr.ecr.eu-west-1.amazonaws.com",
        "localhost:5000",
    ]
