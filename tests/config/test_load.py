"""From a file and a command line to a configuration."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from proxy.config.defaults import default_sources
from proxy.config.load import Loaded, Overrides, load
from proxy.core.errors import ConfigError

LoadText = Callable[..., Loaded]
Refuse = Callable[..., tuple[str, ...]]

_TOKEN_SOURCE = """
[[sources]]
name = "private"
type = "oci"
url = "https://registry.example.com"
auth = { type = "bearer", token = "written-out" }
"""


def _load(path: Path | None, environ: Mapping[str, str]) -> Loaded:
    return load(path, environ=environ, overrides=Overrides(), credential_hosts=("registry.example.com",))


def test_without_a_file_everything_has_a_default(tmp_path: Path) -> None:
    """Zero configuration serves the well-known registries and those with credentials."""
    loaded = _load(None, {"HOME": str(tmp_path)})
    assert loaded.notices == ()
    assert loaded.config.server.port == 8080
    assert loaded.config.sources == default_sources(("registry.example.com",))


@pytest.mark.parametrize("text", ["", "# nothing\n", "sources = []\n", "[server]\nport = 1\n"])
def test_a_file_without_sources_keeps_the_default_ones(load_text: LoadText, text: str) -> None:
    """Changing a port does not take the registries away."""
    assert load_text(text, credential_hosts=("a.example",)).config.sources == default_sources(("a.example",))


def test_a_file_with_sources_has_only_those(load_text: LoadText) -> None:
    """Written sources stand for themselves, also where the credential files name more."""
    sources = load_text(_TOKEN_SOURCE, credential_hosts=("a.example",)).config.sources
    assert [source.name for source in sources] == ["private"]


def test_reads_every_table(load_text: LoadText, tmp_path: Path) -> None:
    """What is written is what comes out, in our units."""
    config = load_text(
        """
        [server]
        host = "::1"
        port = 0
        [cache]
        data_dir = "kept/here"
        tag_ttl = "1h30m"
        negative_ttl = 2.5
        stale_if_error = "1d"
        offline = true
        [log]
        format = "json"
        """
    ).config
    assert (config.server.host, config.server.port) == ("::1", 0)
    assert config.cache.data_dir == tmp_path / "kept" / "here"
    assert (config.cache.tag_ttl, config.cache.negative_ttl, config.cache.stale_if_error) == (5_400, 2.5, 86_400)
    assert config.cache.offline is True
    assert config.log.format == "json"


@pytest.mark.parametrize(
    ("written", "environ", "expected"),
    [
        (None, {"HOME": "/home/bob"}, "/home/bob/.cache/moorage"),
        (None, {"HOME": "/home/bob", "XDG_CACHE_HOME": "/caches"}, "/caches/moorage"),
        (None, {"XDG_CACHE_HOME": "/caches"}, "/caches/moorage"),
        (None, {"HOME": "/home/bob", "XDG_CACHE_HOME": ""}, "/home/bob/.cache/moorage"),
        (None, {"HOME": "/home/bob", "XDG_CACHE_HOME": "relative"}, "/home/bob/.cache/moorage"),
        ("/var/lib/moorage", {}, "/var/lib/moorage"),
        ("~/images", {"HOME": "/home/bob"}, "/home/bob/images"),
        ("~", {"HOME": "/home/bob"}, "/home/bob"),
    ],
)
def test_finds_the_data_folder(tmp_path: Path, written: str | None, environ: dict[str, str], expected: str) -> None:
    """The file's folder if it names one, else the user's cache folder by the XDG rules."""
    file = tmp_path / "registry.toml"
    file.write_text("" if written is None else f'[cache]\ndata_dir = "{written}"\n')
    assert _load(file, environ).config.cache.data_dir == Path(expected)


def test_a_relative_data_folder_is_the_files_neighbour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the program was started does not matter, also if the file itself was named relatively."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "registry.toml").write_text('cache.data_dir = "data"\n')
    monkeypatch.chdir(tmp_path)
    assert _load(Path("etc/registry.toml"), {}).config.cache.data_dir == tmp_path / "etc" / "data"


@pytest.mark.parametrize("text", ["", '[cache]\ndata_dir = "~/x"\n', "[cache]\n"])
def test_without_a_home_the_data_folder_must_be_said(tmp_path: Path, text: str) -> None:
    """Nothing is written to a guessed place."""
    file = tmp_path / "registry.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"^cache\.data_dir .*--data-dir\.$"):
        _load(file, {})
    with pytest.raises(ConfigError, match=r"^cache\.data_dir has no default"):
        _load(None, {})


def test_the_command_line_beats_the_file(load_text: LoadText, tmp_path: Path) -> None:
    """Each option replaces its key and leaves the others alone."""
    text = '[server]\nhost = "127.0.0.1"\nport = 1\n[cache]\ndata_dir = "/a"\ntag_ttl = "1s"\n'
    config = load_text(text, overrides=Overrides(host="::1", port=0, data_dir=tmp_path / "b", offline=True)).config
    assert (config.server.host, config.server.port) == ("::1", 0)
    assert (config.cache.data_dir, config.cache.offline, config.cache.tag_ttl) == (tmp_path / "b", True, 1.0)
    untouched = load_text(text + "offline = true\n").config
    assert (untouched.server.port, untouched.cache.offline) == (1, True)


def test_a_relative_data_folder_of_the_command_line_is_where_it_was_typed(
    load_text: LoadText, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path that somebody types means what the shell would mean."""
    monkeypatch.chdir(tmp_path)
    config = load_text("", overrides=Overrides(data_dir=Path("typed"))).config
    assert config.cache.data_dir == tmp_path / "typed"


def test_a_mistake_on_the_command_line_is_told_by_its_option(refuse: Refuse) -> None:
    """Who never wrote server.port is not sent to a line of the file."""
    problems = refuse("[server]\nport = 1\n", overrides=Overrides(port=70_000, host="a.example"))
    assert {problem.split(" must ")[0] for problem in problems} == {"--host", "--port"}


@pytest.mark.parametrize(
    ("text", "overrides"),
    [('[server]\nhost = "0.0.0.0"\n', Overrides()), ("", Overrides(host="0.0.0.0"))],
)
def test_a_wildcard_host_serves_loopback_and_says_so(load_text: LoadText, text: str, overrides: Overrides) -> None:
    """Nothing is opened to the network by a habit, and the notice says what to write."""
    loaded = load_text(text, overrides=overrides)
    assert loaded.config.server.host == "localhost"
    [notice] = loaded.notices
    for part in ("0.0.0.0", "allowed_hosts = [", "allow = ["):
        assert part in notice


def test_a_wildcard_host_with_names_and_networks_is_meant(load_text: LoadText) -> None:
    """Who says who may ask gets what was written, without a notice."""
    loaded = load_text('[server]\nhost = "0.0.0.0"\nallowed_hosts = ["proxy.lan"]\nallow = ["10.0.0.0/8"]\n')
    assert (loaded.config.server.host, loaded.notices) == ("0.0.0.0", ())


@pytest.mark.parametrize(("mode", "said"), [(0o600, False), (0o640, True), (0o604, True), (0o622, False)])
def test_a_readable_secret_is_noticed(tmp_path: Path, mode: int, said: bool) -> None:
    """A secret written out in a file that others can read is named by key and line, not by value."""
    file = tmp_path / "registry.toml"
    file.write_text(_TOKEN_SOURCE)
    file.chmod(mode)
    notices = _load(file, {"HOME": "/home/bob"}).notices
    assert bool(notices) is said
    assert all("sources[0].auth.token (line 6)" in notice for notice in notices)
    assert "written-out" not in "".join(notices)


def test_a_readable_file_without_secrets_is_fine(tmp_path: Path) -> None:
    """A variable in place of the secret may be read by anybody."""
    file = tmp_path / "registry.toml"
    file.write_text(_TOKEN_SOURCE.replace("written-out", "${TOKEN}"))
    file.chmod(0o644)
    assert _load(file, {"HOME": "/home/bob", "TOKEN": "t"}).notices == ()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a = \n", "line 1, column 5"),
        (b"[server]\nport = 1\nport = 2\n", "line 3"),
        (b"# ok\n# \xff\n", "not UTF-8 text (line 2)"),
        (b"a = " + b"[" * 100_000, "too deeply"),
        (b"a = " + b"9" * 5_000, "not valid TOML"),
    ],
)
def test_a_file_that_is_not_toml_is_one_clear_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    """The sentence names the file and, where there is one, the line."""
    file = tmp_path / "registry.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        _load(file, {"HOME": "/home/bob"})
    [problem] = caught.value.problems
    assert str(file) in problem
    assert said in problem


def test_a_file_that_cannot_be_opened_is_one_clear_sentence(tmp_path: Path) -> None:
    """Missing files and folders in place of files are told by the system's own words."""
    for path, said in ((tmp_path / "none.toml", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigError, match=said) as caught:
            _load(path, {"HOME": "/home/bob"})
        assert str(path) in caught.value.problems[0]


def test_forever_is_infinite(load_text: LoadText) -> None:
    """The default of stale_if_error can be written as well."""
    assert load_text('[cache]\nstale_if_error = "forever"\n').config.cache.stale_if_error == math.inf
