"""Reading WWW-Authenticate."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.auth.challenge import Challenge, _Reader, parse_challenges

_HUB = 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull"'
_TOKEN = string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], []),
        ([""], []),
        (["Basic"], [("basic", [])]),
        (['Basic realm="x"'], [("basic", [("realm", "x")])]),
        (["BASIC Realm=x"], [("basic", [("realm", "x")])]),
        (
            [_HUB],
            [
                (
                    "bearer",
                    [
                        ("realm", "https://auth.docker.io/token"),
                        ("service", "registry.docker.io"),
                        ("scope", "repository:a/b:pull"),
                    ],
                )
            ],
        ),
        (['Bearer realm="a", Basic realm="b"'], [("bearer", [("realm", "a")]), ("basic", [("realm", "b")])]),
        (['Bearer realm="a"', 'Basic realm="b"'], [("bearer", [("realm", "a")]), ("basic", [("realm", "b")])]),
        (['Bearer realm="a" Basic realm="b"'], [("bearer", [("realm", "a")]), ("basic", [("realm", "b")])]),
        (["Negotiate, Basic realm=b"], [("negotiate", []), ("basic", [("realm", "b")])]),
        (["Negotiate a/b+c==, Basic realm=b"], [("negotiate", []), ("basic", [("realm", "b")])]),
        (["Negotiate abc, Basic realm=b"], [("negotiate", []), ("basic", [("realm", "b")])]),
        (["Negotiate abc=, Basic realm=b"], [("negotiate", []), ("basic", [("realm", "b")])]),
        (['Basic realm="a, Bearer realm=b"'], [("basic", [("realm", "a, Bearer realm=b")])]),
        ([r'Basic realm="a \"b\" \\c"'], [("basic", [("realm", 'a "b" \\c')])]),
        (['Basic realm = "x" , charset = "UTF-8"'], [("basic", [("realm", "x"), ("charset", "UTF-8")])]),
        ([', ,Basic realm="x",, ,'], [("basic", [("realm", "x")])]),
        (['Basic realm="never closed'], [("basic", [])]),
        (['Basic realm="a\\'], [("basic", [])]),
        (['"stray" Basic realm="x"'], [("basic", [("realm", "x")])]),
        (['Ba/sic realm="x", Bearer realm="y"'], [("bearer", [("realm", "y")])]),
        (['realm="x"'], []),
        (["=,=,= ="], []),
        (["Basic realm=a,realm=b"], [("basic", [("realm", "a"), ("realm", "b")])]),
    ],
)
def test_challenges(values: list[str], expected: list[tuple[str, list[tuple[str, str]]]]) -> None:
    """Each shape of the header gives the challenges that RFC 9110 means, or those that can be saved."""
    assert parse_challenges(values) == tuple(Challenge(scheme, tuple(pairs)) for scheme, pairs in expected)


def test_first_of_two_equal_parameters_counts() -> None:
    """A parameter appended behind the real one changes nothing."""
    assert parse_challenges(["Bearer realm=a,realm=b"])[0].parameter("realm") == "a"
    assert parse_challenges(["Bearer realm=a"])[0].parameter("service") is None


@given(st.text(alphabet=st.sampled_from('ab=," \t\\/\n\0é' + "Basic"), max_size=200))
def test_nothing_raises(text: str) -> None:
    """Any text gives some challenges, all with a scheme that is a token in lower case."""
    for challenge in parse_challenges([text]):
        assert challenge.scheme
        assert set(challenge.scheme) <= set(_TOKEN)
        assert challenge.scheme == challenge.scheme.lower()
        assert all(value for _, value in challenge.parameters)


_NAME = st.text(alphabet=_TOKEN, min_size=1, max_size=12)
_PAIRS = st.lists(st.tuples(_NAME, st.text(alphabet=string.printable, min_size=1, max_size=30)), max_size=5)


@given(st.lists(st.tuples(_NAME, _PAIRS), max_size=5))
def test_what_is_written_is_read(challenges: list[tuple[str, list[tuple[str, str]]]]) -> None:
    """Challenges written by the grammar come back whole, whatever their values hold."""

    def quoted(value: str) -> str:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    text = ", ".join(
        f"{scheme} " + ", ".join(f"{name}={quoted(value)}" for name, value in pairs) for scheme, pairs in challenges
    )
    expected = tuple(
        Challenge(scheme.lower(), tuple((name.lower(), value) for name, value in pairs))
        for scheme, pairs in challenges
    )
    assert parse_challenges([text]) == expected


class _CountingText(str):
    """Text that counts how often one of its characters is looked at."""

    __slots__ = ("looks",)
    looks: int

    def __getitem__(self, key: object) -> str:
        self.looks += 1
        return super().__getitem__(key)  # type: ignore[index]  # int or slice, as str takes them


@pytest.mark.parametrize(
    "text",
    [
        "a=b " * 2048,
        'Basic realm="' * 700,
        '"' * 8191,
        "Basic " * 1400,
        "Basic realm=x, " * 500,
        "=" * 8192,
        " " * 8192,
    ],
    ids=["pairs", "unclosed", "quotes", "schemes", "many", "equals", "spaces"],
)
def test_hostile_headers_take_linear_work(text: str) -> None:
    """Headers made to make a parser go back are read with a few looks at each character."""
    counting = _CountingText(text)
    counting.looks = 0
    _Reader(counting).challenges()
    assert counting.looks <= 4 * len(text)


def test_five_hundred_challenges() -> None:
    """All of very many challenges are found."""
    assert len(parse_challenges(["Basic realm=x, " * 500])) == 500
