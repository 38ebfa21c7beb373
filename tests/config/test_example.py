"""The commented example."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import BaseModel

from proxy.config.load import Overrides, load
from proxy.config.model import (
    BasicAuth,
    BearerAuth,
    CacheSettings,
    Config,
    DockerAuth,
    LogSettings,
    NoAuth,
    ServerSettings,
    SourceSettings,
)

_EXAMPLE = Path(__file__).parents[2] / "config" / "registry.toml"
_ENVIRON = {"PRIVATE_REGISTRY_TOKEN": "token", "WORKSHOP_USERNAME": "bob", "WORKSHOP_PASSWORD": "secret"}


def test_the_example_loads() -> None:
    """With its variables set it is right as it stands and gives no notice."""
    loaded = load(_EXAMPLE, environ=_ENVIRON, overrides=Overrides(), credential_hosts=())
    assert loaded.notices == ()
    assert {type(source.auth) for source in loaded.config.sources} == {NoAuth, BearerAuth, BasicAuth, DockerAuth}


def test_the_example_shows_every_key() -> None:
    """No key exists that it does not explain."""
    written = tomllib.loads(_EXAMPLE.read_text(encoding="utf-8"))
    sources: list[dict[str, object]] = written["sources"]
    auths = [source["auth"] for source in sources]
    assert written.keys() == _keys(Config)
    assert written["server"].keys() == _keys(ServerSettings)
    assert written["cache"].keys() == _keys(CacheSettings)
    assert written["log"].keys() == _keys(LogSettings)
    assert {key for source in sources for key in source} == _keys(SourceSettings)
    assert {key for auth in auths if isinstance(auth, dict) for key in auth} == _keys(BearerAuth) | _keys(BasicAuth)


def test_the_examples_values_are_the_defaults(tmp_path: Path) -> None:
    """Where it says that a key left out has the value shown, that is so."""
    shown = load(_EXAMPLE, environ=_ENVIRON, overrides=Overrides(data_dir=tmp_path), credential_hosts=()).config
    assert shown.server == ServerSettings()
    assert shown.cache == CacheSettings(data_dir=tmp_path)
    assert shown.log == LogSettings()


def _keys(table: type[BaseModel]) -> set[str]:
    return set(table.model_fields)
