"""Which source a request belongs to: the rules in their order, and one key for every form of an object."""

from __future__ import annotations

import pytest
from sources.routes import DIGEST, list_of, oci_source, request, want_of

from proxy.core.errors import Missing, RequestError
from proxy.core.wants import Ready
from proxy.sources.routing import OciRoutes

_HUB = oci_source(default=True)
_GHCR = oci_source("ghcr", "https://ghcr.io", hosts=("ghcr.io",))
_PORT = oci_source("local", "http://127.0.0.1:5000", hosts=("127.0.0.1:5000", "registry.example.com"))
_PATH = oci_source("nested", "https://example.com/artifactory", hosts=("example.com",))
_ROUTES = OciRoutes([_HUB, _GHCR, _PORT, _PATH])
_BARE = OciRoutes([_GHCR])


@pytest.mark.parametrize(
    ("name", "query", "source", "upstream"),
    [
        ("a/b", "?ns=ghcr.io", "ghcr", "a/b"),
        ("ghcr.io/a/b", "?ns=ghcr.io", "ghcr", "a/b"),
        ("GHCR.io/a/b", "?ns=GHCR.IO", "ghcr", "a/b"),
        ("registry-1.docker.io/nginx", "?ns=docker.io", "hub", "library/nginx"),
        ("ghcr/a", "?ns=ghcr.io", "ghcr", "ghcr/a"),
        ("a/b", "?ns=127.0.0.1%3A5000", "local", "a/b"),
        ("nginx", "?ns=docker.io", "hub", "library/nginx"),
        ("library/nginx", "?ns=docker.io", "hub", "library/nginx"),
        ("nginx", "?ns=ghcr.io", "ghcr", "nginx"),
        ("ghcr.io/a/b", "", "ghcr", "a/b"),
        ("GHCR.IO/a/b", "", "ghcr", "a/b"),
        ("docker.io/nginx", "", "hub", "library/nginx"),
        ("docker.io/ghcr/nginx", "", "hub", "ghcr/nginx"),
        ("docker.io/ghcr", "", "hub", "library/ghcr"),
        ("registry.example.com/a", "", "local", "a"),
        ("127.0.0.1:5000/a", "", "local", "a"),
        ("ghcr/a/b", "", "ghcr", "a/b"),
        ("hub/nginx", "", "hub", "library/nginx"),
        ("nginx", "", "hub", "library/nginx"),
        ("grafana/grafana", "", "hub", "grafana/grafana"),
        ("a/b/c/d/e/f", "", "hub", "a/b/c/d/e/f"),
        ("nested/x", "", "nested", "x"),
        ("a/tags/list", "", "hub", "a/tags/list"),
        ("a/manifests/b", "", "hub", "a/manifests/b"),
    ],
)
def test_routes(name: str, query: str, source: str, upstream: str) -> None:
    """`ns` first, then a host or name in front, then the default; only the Hub has a `library/`."""
    want = want_of(_ROUTES, f"/v2/{name}/manifests/latest{query}")
    assert (want.place.source, want.key.name, want.place.repository) == (source, upstream, upstream)
    assert want.place.path == f"/v2/{upstream}/manifests/latest"


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("a/b", "?ns=evil.example"),
        ("a/b", "?ns="),
        ("a/b", "?ns=ghcr"),
        ("a/b", "?ns=ghcr.io%0d%0a"),
        ("a/b", "?ns=https%3A%2F%2Fghcr.io"),
        ("a/b", "?ns=evil.example&ns=ghcr.io"),
        ("ghcr.io/a/b", "?ns=evil.example"),
        ("evil.example/a/b", ""),
        ("ghcr.io:443/a/b", ""),
        ("host:5000/a", ""),
        ("localhost/a", ""),
        ("localhost:5000/a", ""),
        ("a.b/c", ""),
        ("ghcr.io./a", ""),
        ("doc%E2%84%AAer.io/a", ""),
        ("a/b", "?ns=doc%E2%84%AAer.io"),
    ],
)
def test_unknown_hosts(name: str, query: str) -> None:
    """A host that is not configured is a 404 that says so, never a name at the default source."""
    with pytest.raises(Missing) as caught:
        _ROUTES.match(request(f"/v2/{name}/manifests/latest{query}"))
    assert (caught.value.status, caught.value.code) == (404, "NAME_UNKNOWN")
    assert "no source for host" in caught.value.message


def test_without_a_default_source() -> None:
    """A name that no source has in front is a 404 where there is no default."""
    with pytest.raises(Missing, match="add `default = true` to a source"):
        _BARE.match(request("/v2/nginx/manifests/latest"))


@pytest.mark.parametrize("tail", [f"blobs/{DIGEST}", "manifests/latest", f"manifests/{DIGEST}"])
def test_all_forms_have_one_key(tail: str) -> None:
    """Every way to ask for one object leads to one key, and so to one copy and one download."""
    forms = ["nginx", "library/nginx", "docker.io/nginx", "docker.io/library/nginx", "hub/nginx", "DOCKER.IO/nginx"]
    targets = [f"/v2/{form}/{tail}" for form in forms]
    targets += [f"/v2/nginx/{tail}?ns=docker.io", f"/v2/docker.io/library/nginx/{tail}?ns=registry-1.docker.io"]
    wants = [want_of(_ROUTES, target) for target in targets]
    assert {(want.key, want.place) for want in wants} == {(wants[0].key, wants[0].place)}


def test_lists_of_all_forms_have_one_key() -> None:
    """The same for assembled answers."""
    forms = ["nginx", "library/nginx", "docker.io/nginx", "hub/library/nginx"]
    assert len({list_of(_ROUTES, f"/v2/{form}/tags/list").key for form in forms}) == 1
    assert len({list_of(_ROUTES, f"/v2/{form}/referrers/{DIGEST}").key for form in forms}) == 1


def test_keys_are_of_the_upstream_and_not_of_the_source_s_name() -> None:
    """Renaming a source loses nothing; another upstream is another key."""
    renamed = OciRoutes([oci_source("other", default=True)])
    target = "/v2/library/nginx/manifests/latest"
    assert want_of(renamed, target).key == want_of(_ROUTES, target).key
    assert want_of(_ROUTES, "/v2/ghcr.io/library/nginx/manifests/latest").key != want_of(_ROUTES, target).key


@pytest.mark.parametrize("hosts", [("docker.io",), ("index.docker.io",), ("registry-1.docker.io",)])
def test_each_name_of_the_hub_is_the_hub(hosts: tuple[str, ...]) -> None:
    """A source that is written down with any one of its hosts gets `library/` as well."""
    routes = OciRoutes([oci_source(hosts=hosts, default=True)])
    assert want_of(routes, "/v2/nginx/manifests/latest").key.name == "library/nginx"


@pytest.mark.parametrize("target", ["/v2", "/v2/", "/v2/?ns=evil.example"])
def test_pings_are_local(target: str) -> None:
    """The version check needs no source."""
    assert isinstance(_ROUTES.match(request(target)), Ready)


@pytest.mark.parametrize(
    "target",
    [
        "/v2/nginx",
        "/v2/nginx/tags",
        "/v2/nginx/tags/",
        "/v2/nginx/tags/list/",
        "/v2/nginx/tags/other",
        "/v2/nginx/blobs/uploads/",
        "/v2/nginx/manifests",
        "/v2/nginx/manifests/latest/",
        "/v2/nginx/Manifests/latest",
        "/v2/nginx/config/latest",
        "/v2//",
    ],
)
def test_other_endpoints(target: str) -> None:
    """What the pull and discovery side of the specification does not have is a 404."""
    with pytest.raises(Missing, match="no such endpoint"):
        _ROUTES.match(request(target))


@pytest.mark.parametrize(
    "name",
    [
        "Nginx",
        "a//b",
        "/a",
        "a/",
        "a/B",
        "-a",
        "a%20b",
        "caf%C3%A9",
        "a;b",
        "hub",
        "ghcr",
        "ghcr.io",
        "",
        "x" * 256,
        "a%40b",
        "CON",
    ],
)
def test_bad_names(name: str) -> None:
    """What is no repository name is a 400 or a 404 here, and no source is asked."""
    with pytest.raises(RequestError) as caught:
        _ROUTES.match(request(f"/v2/{name}/manifests/latest"))
    assert caught.value.status in {400, 404}
    assert caught.value.code in {"NAME_INVALID", "NAME_UNKNOWN"}


def test_encoded_slashes() -> None:
    """An encoded slash would be a separator to some and part of a name to others."""
    with pytest.raises(RequestError) as caught:
        _ROUTES.match(request("/v2/library%2Fnginx/manifests/latest"))
    assert (caught.value.status, caught.value.code) == (400, "NAME_INVALID")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?ns=docker.io", "docker.io"),
        ("?ns=registry-1.docker.io", "registry-1.docker.io"),
        ("?ns=evil.example", None),
        ("?ns=doc%E2%84%AAer.io", None),
        ("?ns=docker.io%0d%0aX:y", None),
        ("", None),
    ],
)
def test_the_namespace_of_an_answer(query: str, expected: str | None) -> None:
    """`OCI-Namespace` repeats an `ns` only where it names a source."""
    assert _ROUTES.namespace_of(request(f"/v2/nginx/manifests/latest{query}")) == expected
