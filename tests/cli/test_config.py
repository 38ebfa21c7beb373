"""`moorage --version`, `moorage config`, and calls that are wrong."""

from __future__ import annotations

import tomllib

import pytest
from cli.commands import Home

from proxy import __version__

_SOURCE = """
[[sources]]
name = "private"
type = "oci"
url = "https://registry.example.com"
auth = { type = "bearer", token = "${TOKEN}" }
"""


async def test_version(home: Home) -> None:
    """The version goes to standard output."""
    ended = await home.run("--version")
    assert (ended.status, ended.output, ended.errors) == (0, f"moorage {__version__}\n", "")


def test_config_without_a_file(home: Home) -> None:
    """Without a file the defaults are shown, as TOML, and nothing is written."""
    ended = home.call("config")
    assert ended.status == 0
    shown = tomllib.loads(ended.output)
    assert shown["server"]["host"] == "localhost"
    assert [source["name"] for source in shown["sources"] if source.get("default")] == ["docker-io"]
    assert list(home.folder.iterdir()) == []


def test_config_is_redacted(home: Home) -> None:
    """Secrets are replaced; what is given on the command line counts."""
    file = home.write(_SOURCE)
    ended = home.call("config", "-c", file, "--port", "1234", "--data-dir", "/srv/x", "--offline", TOKEN="canary")
    assert ended.status == 0
    assert "canary" not in ended.output + ended.errors
    shown = tomllib.loads(ended.output)
    assert shown["sources"][0]["auth"]["token"] == "***"
    assert (shown["server"]["port"], shown["cache"]["data_dir"], shown["cache"]["offline"]) == (1234, "/srv/x", True)


def test_what_is_shown_can_be_loaded(home: Home) -> None:
    """The shown text is a configuration."""
    shown = home.call("config").output
    again = home.call("config", "-c", home.write(shown, "again.toml"))
    assert (again.status, again.output) == (0, shown)


@pytest.mark.parametrize("command", ["config", "serve"])
def test_all_mistakes_at_once(home: Home, command: str) -> None:
    """A wrong configuration ends with status 2 and names every mistake; nothing is made and no traceback shown."""
    file = home.write(_SOURCE + 'colour = "red"\n[server]\nport = 99999\nhots = "x"\n[cache]\ntag_ttl = "soon"\n')
    ended = home.call(command, "-c", file, "--data-dir", str(home.data))
    assert ended.status == 2
    assert ended.output == ""
    for key in ("sources[0].colour", "server.port", "server.hots", "cache.tag_ttl", "TOKEN"):
        assert key in ended.errors
    assert all(line.startswith("moorage: ") for line in ended.errors.splitlines())
    assert not home.data.exists()


@pytest.mark.parametrize("command", ["config", "serve"])
@pytest.mark.parametrize("text", [None, "[server\n", "\udcff"])
def test_files_that_cannot_be_read(home: Home, command: str, text: str | None) -> None:
    """A file that is missing, no TOML or no text is a sentence and status 2."""
    file = home.folder / "registry.toml"
    if text is not None:
        file.write_bytes(text.encode("utf-8", "surrogateescape"))
    ended = home.call(command, "--config", str(file))
    assert ended.status == 2
    assert str(file) in ended.errors
    assert "Traceback" not in ended.errors


@pytest.mark.parametrize(
    "arguments", [(), ("sevre",), ("serve", "--port", "x"), ("serve", "--unknown"), ("serve", "extra")]
)
def test_wrong_calls(home: Home, arguments: tuple[str, ...]) -> None:
    """A wrong call is status 2 with the usage."""
    ended = home.call(*arguments)
    assert ended.status == 2
    assert ended.errors.startswith("usage: moorage")
