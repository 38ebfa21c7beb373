"""Configuration texts, loaded the way the program loads its file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from proxy.config.load import Loaded, Overrides, load
from proxy.core.errors import ConfigError

LoadText = Callable[..., Loaded]
Refuse = Callable[..., tuple[str, ...]]


@pytest.fixture
def load_text(tmp_path: Path) -> LoadText:
    """Writes the text to a file of its own and loads that."""

    def run(
        text: str,
        environ: Mapping[str, str] | None = None,
        overrides: Overrides | None = None,
        credential_hosts: Sequence[str] = (),
    ) -> Loaded:
        file = tmp_path / "registry.toml"
        file.write_text(text, encoding="utf-8")
        file.chmod(0o600)
        return load(
            file,
            environ={"HOME": str(tmp_path), **(environ or {})},
            overrides=overrides or Overrides(),
            credential_hosts=credential_hosts,
        )

    return run


@pytest.fixture
def refuse(load_text: LoadText) -> Refuse:
    """The problems of a text that must not load."""

    def run(
        text: str, environ: Mapping[str, str] | None = None, overrides: Overrides | None = None
    ) -> tuple[str, ...]:
        with pytest.raises(ConfigError) as caught:
            load_text(text, environ, overrides)
        return caught.value.problems

    return run
