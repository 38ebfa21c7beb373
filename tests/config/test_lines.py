"""The lines of keys."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.lines import KeyPath, key_lines, line_of

_EXAMPLE = Path(__file__).parents[2] / "config" / "registry.toml"


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("a = 1\n\nb = 2", ("b",), 3),
        ("# a = 0\na = 1", ("a",), 2),
        ("[t]\na = 1\n[u]\na = 2", ("u", "a"), 4),
        ("[a.b]\nc = 1", ("a", "b"), 1),
        ("[[s]]\nn = 1\n[[s]]\nn = 2", ("s", 1, "n"), 4),
        ("[[s]]\n[s.auth]\nt = 1\n[[s]]\n[s.auth]\nt = 2", ("s", 1, "auth", "t"), 6),
        ("[[a]]\n[[a.b]]\n[[a.b]]\nc = 1", ("a", 0, "b", 1, "c"), 4),
        ("a.b.c = 1\na.b.d = 2", ("a", "b", "d"), 2),
        ("\"a.b\" = 1\n'c' = 2", ("c",), 2),
        ('"a\\u002eb" = 1', ("a.b",), 1),
        ("a = { b = 1, c = [2, { d = 3 }] }", ("a", "c", 1, "d"), 1),
        ("a = [\n  1, # ]\n\n  2,\n]\nb = 3", ("a", 1), 4),
        ("a = [\n  1,\n  2,\n]\nb = 3", ("b",), 5),
        ("a = [[1], [\n2]]\nb = 3", ("a", 1, 0), 2),
        ('a = """\nb = 1\n[c]\n"""\nd = 2', ("d",), 5),
        ('a = """x\\"""y\n"""\nd = 2', ("d",), 3),
        ("a = '''\nb = 1'''''\nd = 2", ("d",), 3),
        ('a = "# \\" ]"\nb = 1', ("b",), 2),
        ("a = 'x\\'\nb = 1", ("b",), 2),
        ("a = 1979-05-27 07:32:00.5Z\nb = 1.5e3", ("b",), 2),
        ("a = 1\r\nb = 2\r\n", ("b",), 2),
        ("a = ''\nb = \"\"", ("b",), 2),
    ],
)
def test_finds_the_line(text: str, path: KeyPath, line: int) -> None:
    """Each way of writing a key is found where it stands."""
    assert tomllib.loads(text)
    assert key_lines(text)[path] == line


def test_what_only_looks_like_a_key_has_no_line() -> None:
    """Text inside strings and comments is no key."""
    lines = key_lines('a = """\nb = 1\n"""\n# c = 2\nd = [\n"e = 1",\n]')
    assert set(lines) == {("a",), ("d",), ("d", 0)}


def test_a_missing_key_is_told_at_its_table() -> None:
    """What is not written has the line of the nearest table around it, or none."""
    lines = key_lines("[a]\nb = 1\n[[s]]\n[[s]]\n")
    assert line_of(lines, ("a", "c")) == 1
    assert line_of(lines, ("s", 1, "url")) == 4
    assert line_of(lines, ("z", "c")) is None


def test_every_key_of_the_example_is_on_its_line() -> None:
    """For a long real file each key has a line, and that line begins with it or holds it."""
    text = _EXAMPLE.read_text(encoding="utf-8")
    lines, rows = key_lines(text), text.splitlines()
    paths = list(_paths(tomllib.loads(text), ()))
    assert len(paths) > 40
    for path in paths:
        name = [part for part in path if isinstance(part, str)][-1]
        assert name in rows[lines[path] - 1]


@given(
    st.recursive(
        st.one_of(st.integers(0, 9), st.sampled_from(['"] # x"', "'}='", '"""\n[t]\nk = 1\n"""', "1.5", "true"])),
        lambda inner: st.lists(inner, max_size=3).map(lambda items: f"[\n{', '.join(map(str, items))}]"),
        max_leaves=8,
    )
)
def test_a_value_never_hides_the_next_key(value: object) -> None:
    """Whatever a value looks like, the key after it is found on its own line."""
    text = f"a = {value}\nlast = 1\n"
    assert tomllib.loads(text)["last"] == 1
    assert key_lines(text)[("last",)] == text.count("\n")


def _paths(value: object, path: KeyPath) -> Iterator[KeyPath]:
    if path:
        yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths(inner, (*path, key))
    if isinstance(value, list) and all(isinstance(inner, dict) for inner in value):
        for index, inner in enumerate(value):
            yield from _paths(inner, (*path, index))
