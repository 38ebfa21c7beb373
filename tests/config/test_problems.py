"""What is said about a wrong file."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from proxy.config.load import Loaded

Refuse = Callable[..., tuple[str, ...]]

_SOURCE = '[[sources]]\nname = "{name}"\ntype = "oci"\nurl = "https://{host}"\n'


def test_tells_everything_at_once(refuse: Refuse) -> None:
    """Mistakes of every kind and in every table come together, in the file's order, each with key and line."""
    problems = refuse(
        """defalt = 1
[server]
prot = 5
port = 99999
allow = ["10.0.0.1/8", 5]
[cache]
tag_ttl = "soon"
offline = "yes"
[log]
format = "xml"
[[sources]]
name = "v2"
type = "oci"
url = "https://ghcr.io?x"
[sources.auth]
type = "bearer"
token = "${NOPE}"
tokn = "x"
[[sources]]
name = "a"
url = "http://quay.io"
default = true
[sources.auth]
type = "magic"
[[sources]]
name = "a"
type = "moon"
url = "https://quay.io"
default = true
auth = "docker"
"""
    )
    assert [problem.split(") ", 1)[0] + ")" for problem in problems] == [
        "defalt (line 1)",
        "server.prot (line 3)",
        "server.port (line 4)",
        "server.allow[0] (line 5)",
        "server.allow[1] (line 5)",
        "cache.tag_ttl (line 7)",
        "cache.offline (line 8)",
        "log.format (line 10)",
        "sources[0].name (line 12)",
        "sources[0].url (line 14)",
        "sources[0].auth.token (line 17)",
        "sources[0].auth.tokn (line 18)",
        "sources[1].type (line 19)",
        "sources[1].url (line 21)",
        "sources[1].auth (line 23)",
        "sources[2].hosts (line 25)",
        "sources[2].name (line 26)",
        "sources[2].type (line 27)",
        "sources[2].default (line 29)",
        "sources[2].auth (line 30)",
    ]
    assert all(problem.endswith(".") for problem in problems)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[sever]\n", "sever (line 1) is not a known key; perhaps server is meant."),
        ("[cache]\ntag_tll = 1\n", "cache.tag_tll (line 2) is not a known key; perhaps tag_ttl is meant."),
        ("[log]\nzzz = 1\n", "log.zzz (line 2) is not a known key; known here: format."),
        ('[log]\n"a b" = 1\n', 'log."a b" (line 2) is not a known key; known here: format.'),
        ("server = 1\n", "server (line 1) must be a table."),
        ("cache = []\n", "cache (line 1) must be a table."),
        ("[sources]\n", "sources (line 1) must be a list of tables: write [[sources]]."),
        ("sources = [1]\n", "sources[0] (line 1) must be a table."),
        ("[server]\nallow = '10.0.0.0/8'\n", "server.allow (line 2) must be a list."),
        ("[server]\nhost = 1\n", "server.host (line 2) must be a string."),
        ("[server]\nport = 80.0\n", "server.port (line 2) must be a whole number."),
        ("[cache]\noffline = 0\n", "cache.offline (line 2) must be true or false."),
        ("[cache]\ndata_dir = 1\n", "cache.data_dir (line 2) must be a string."),
        ("[cache]\ndata_dir = ''\n", None),
        ("[log]\nformat = 'xml'\n", "log.format (line 2) must be 'text' or 'json'."),
        ("[server]\nport = 1979-05-27\n", "server.port (line 2) must be a whole number."),
        ("[cache]\nmax_size = '1GiB'\n", None),
        ("[server]\ntls_port = 8443\n", None),
    ],
)
def test_says_what_is_wrong(refuse: Refuse, text: str, said: str | None) -> None:
    """Wrong types, wrong tables and unknown keys each have a sentence of their own; later keys are unknown yet."""
    [problem] = refuse(text)
    assert said is None or problem == said


@pytest.mark.parametrize(
    ("auth", "said"),
    [
        ("{}", "sources[0].auth (line 5) needs a type: none, bearer, basic or docker."),
        ('{ type = "bearer" }', "sources[0].auth.token (line 5) is required."),
        ('{ type = "basic", username = 1, password = "p" }', "sources[0].auth.username (line 5) must be a string."),
        (
            '{ type = "none", token = "x" }',
            "sources[0].auth.token (line 5) is not a known key; known here: type.",
        ),
        (
            '{ type = "bearer", token = "x", origins = ["https://a", "b"] }',
            "sources[0].auth.origins[1] (line 5) must begin with https:// or http://.",
        ),
    ],
)
def test_says_what_is_wrong_with_a_credential(refuse: Refuse, auth: str, said: str) -> None:
    """The key path inside a credential holds only keys that are written."""
    assert refuse(_SOURCE.format(name="a", host="ghcr.io") + f"auth = {auth}\n") == (said,)


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ('name = "x"', 'name = "x"', "sources[1].name (line 6) is the name of sources[0] already."),
        (
            'name = "x"\nenabled = false',
            'name = "x"',
            "sources[1].name (line 7) is the name of sources[0] already.",
        ),
        (
            'name = "x"\ndefault = true',
            'name = "y"\ndefault = true',
            "sources[1].default (line 8) is true for another enabled source as well.",
        ),
        (
            'name = "x"\nhosts = ["A.example"]',
            'name = "y"\nhosts = ["b.example", "a.example"]',
            "sources[1].hosts (line 8) has a.example, which belongs to sources[0] already.",
        ),
        (
            'name = "x"\nhosts = ["registry"]',
            'name = "registry"',
            "sources[1].name (line 7) is a host of sources[0]: choose another name.",
        ),
    ],
)
def test_sources_may_not_clash(refuse: Refuse, first: str, second: str, said: str) -> None:
    """Names, hosts and the default place have one owner each."""
    text = f'[[sources]]\n{first}\ntype = "oci"\nurl = "https://one.example"\n'
    text += f'[[sources]]\n{second}\ntype = "oci"\nurl = "https://two.example"\n'
    assert refuse(text) == (said,)


def test_the_urls_host_counts_as_a_host(refuse: Refuse) -> None:
    """Two sources without hosts at one registry clash, told at the table since no key is written."""
    text = _SOURCE.format(name="a", host="ghcr.io") + _SOURCE.format(name="b", host="GHCR.io:443")
    assert refuse(text) == ("sources[1].hosts (line 5) has ghcr.io, which belongs to sources[0] already.",)


def test_a_disabled_source_takes_no_host_and_no_default_place(load_text: Callable[..., Loaded]) -> None:
    """Switching a source off makes room for another at the same registry."""
    text = _SOURCE.format(name="a", host="ghcr.io") + "default = true\nenabled = false\n"
    text += _SOURCE.format(name="b", host="ghcr.io") + "default = true\n"
    assert [source.default for source in load_text(text).config.sources] == [True, True]


def test_a_source_may_be_named_like_its_own_host(load_text: Callable[..., Loaded]) -> None:
    """Both mean the same source, so there is nothing to confuse."""
    assert load_text(_SOURCE.format(name="registry", host="registry")).config.sources[0].hosts == ("registry",)
