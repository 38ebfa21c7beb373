"""No secret leaves the configuration by an error, a representation or a notice."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable

import pytest
from pydantic import ValidationError

from proxy.config.load import Loaded
from proxy.config.model import SourceSettings
from proxy.config.show import render
from proxy.core.errors import ConfigError

_CANARY = "c4n4ry"
_SOURCE = '[[sources]]\nname = "a"\ntype = "oci"\nurl = "https://ghcr.io"\n'
_VARIABLE = 'auth = { type = "bearer", token = "${TOKEN}" }\n'


@pytest.mark.parametrize(
    "text",
    [
        _SOURCE + f'auth = {{ type = "bearer", token = "{_CANARY} with blanks" }}\n',
        _SOURCE + f'auth = {{ type = "bearer", token = ["{_CANARY}"] }}\n',
        _SOURCE + f'auth = {{ type = "bearer", token = "x${{{_CANARY}" }}\n',
        _SOURCE + f'auth = {{ type = "basic", password = "{_CANARY}" }}\n',
        _SOURCE + f'auth = {{ type = "basic", username = "{_CANARY}:", password = "{_CANARY}\\n" }}\n',
        _SOURCE + f'auth = {{ type = "{_CANARY}" }}\n',
        _SOURCE + f'auth = "{_CANARY}"\n',
        _SOURCE + f'token = "{_CANARY}"\n',
        _SOURCE + f'auth = {{ type = "bearer", tokn = "{_CANARY}" }}\n',
        _SOURCE + f'auth = {{ type = "bearer", token = "t", origins = ["https://u:{_CANARY}@b"] }}\n',
        _SOURCE + f'hosts = ["u:{_CANARY}@host", "{_CANARY}/"]\n',
        _SOURCE + f'trusted_realms = ["https://{_CANARY}@host"]\n',
        _SOURCE + f'trusted_redirects = ["https://host/?sig={_CANARY}"]\n',
        _SOURCE.replace("ghcr.io", f"bob:{_CANARY}@ghcr.io"),
        _SOURCE.replace("ghcr.io", f"ghcr.io?token={_CANARY}"),
        _SOURCE.replace("ghcr.io", f"ghcr.io:{_CANARY}"),
        _SOURCE.replace('"a"', f'"{_CANARY}!"'),
        _SOURCE.replace('"oci"', f'"{_CANARY}"'),
        _SOURCE + f'auth = {{ type = "bearer", token = "{_CANARY} }}\n',
        _SOURCE + f"auth = {{ type = 'bearer', token = {_CANARY} }}\n",
        f'[server]\nhost = "{_CANARY}"\nallow = ["{_CANARY}"]\nallowed_hosts = ["{_CANARY}:1"]\nport = "{_CANARY}"\n',
        f'[cache]\ntag_ttl = "{_CANARY}"\noffline = "{_CANARY}"\n[log]\nformat = "{_CANARY}"\n',
        _SOURCE + _VARIABLE + f'bad = "{_CANARY}"\n',
    ],
)
def test_no_error_repeats_a_value(load_text: Callable[..., Loaded], text: str) -> None:
    """Wherever a secret was put by mistake, neither the error nor what caused it shows it."""
    with pytest.raises(ConfigError) as caught:
        load_text(text, {"TOKEN": f"{_CANARY} with blanks"})
    error = caught.value
    # A traceback also quotes lines of this test, so only what the errors say is looked at.
    told = "".join(traceback.TracebackException.from_exception(error, lookup_lines=False).format_exception_only())
    assert _CANARY not in told + repr(error) + str(error.problems)
    assert error.__context__ is None
    assert error.__cause__ is None


@pytest.mark.parametrize("value", [f"{_CANARY} with blanks", f"{_CANARY}\r\nX: y", f"{_CANARY}é"])
def test_no_error_repeats_a_variable(load_text: Callable[..., Loaded], value: str) -> None:
    """A value from the environment that cannot be sent is refused without being shown."""
    with pytest.raises(ConfigError, match=r"^sources\[0\]\.auth\.token \(line 5\) must be visible ASCII") as caught:
        load_text(_SOURCE + _VARIABLE, {"TOKEN": value})
    assert _CANARY not in str(caught.value)


def test_no_representation_shows_a_secret(load_text: Callable[..., Loaded], caplog: pytest.LogCaptureFixture) -> None:
    """Printing, formatting, logging or dumping a loaded configuration shows no credential."""
    basic = f'auth = {{ type = "basic", username = "{_CANARY}", password = "{_CANARY}" }}\n'
    text = _SOURCE + _VARIABLE + _SOURCE.replace('"a"', '"b"').replace("ghcr.io", "quay.io") + basic
    loaded = load_text(text, {"TOKEN": _CANARY})
    logging.getLogger("test").warning("loaded %r", loaded)
    config = loaded.config
    shown = [repr(loaded), str(loaded), repr(config), str(config), f"{config.sources[0].auth}", render(config)]
    shown += [config.model_dump_json(), str(config.model_dump()), str(loaded.notices), caplog.text]
    assert "sources" in caplog.text
    assert _CANARY not in "".join(shown)


def test_a_model_made_in_code_does_not_quote_its_input() -> None:
    """Also an error of the models themselves, which never reaches people, holds the value in no text."""
    auth = {"type": "bearer", "token": f"{_CANARY} with blanks"}
    with pytest.raises(ValidationError) as caught:
        SourceSettings.model_validate({"name": "a", "type": "oci", "url": "https://ghcr.io", "auth": auth})
    assert _CANARY not in str(caught.value) + repr(caught.value)
