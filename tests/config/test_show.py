"""The configuration as it is shown."""

from __future__ import annotations

import tomllib
from collections.abc import Callable

from proxy.config.load import Loaded, Overrides
from proxy.config.show import REDACTED, render

LoadText = Callable[..., Loaded]

_TEXT = """
[server]
host = "0.0.0.0"
allowed_hosts = ["proxy.lan", "fd00::1"]
allow = ["10.0.0.0/8", "fd00::/8"]
[cache]
data_dir = 'odd "folder" \\ näme'
tag_ttl = "1h30m"
negative_ttl = 0.1
[log]
format = "json"
[[sources]]
name = "a"
type = "oci"
url = "https://a.example/prefix"
hosts = ["a.example", "alias:5000"]
default = true
trusted_realms = ["https://login.example", "auth.example:8443"]
trusted_redirects = ["storage.example"]
auth = { type = "basic", username = "canary-user", password = "canary-password", origins = ["https://b.example"] }
[[sources]]
name = "b"
type = "oci"
url = "http://b.lan:5000"
insecure = true
auth = { type = "bearer", token = "${TOKEN}" }
[[sources]]
name = "c"
type = "oci"
url = "https://c.example"
enabled = false
auth = { type = "none" }
[[sources]]
name = "d"
type = "oci"
url = "https://d.example"
"""


def test_shows_what_can_be_loaded_again(load_text: LoadText) -> None:
    """The text loads to the same configuration once the secrets are what they are shown as."""
    config = load_text(_TEXT, {"TOKEN": "canary-token"}).config
    shown = render(config)
    again = load_text(shown).config
    assert render(again) == shown
    redacted = _TEXT.replace("canary-user", REDACTED).replace("canary-password", REDACTED)
    assert again == load_text(redacted, {"TOKEN": REDACTED}).config


def test_shows_every_key(load_text: LoadText) -> None:
    """Defaults are shown as well as what was written."""
    shown = tomllib.loads(render(load_text("").config))
    assert shown["server"] == {"host": "localhost", "port": 8080, "allowed_hosts": [], "allow": []}
    assert shown["cache"].keys() == {"data_dir", "tag_ttl", "negative_ttl", "stale_if_error", "offline"}
    assert shown["cache"]["stale_if_error"] == "forever"
    assert shown["sources"][0]["auth"] == {"type": "docker"}


def test_shows_what_is_in_effect(load_text: LoadText) -> None:
    """The command line's values and not the file's are shown."""
    config = load_text("[server]\nport = 1\n", overrides=Overrides(port=2, offline=True)).config
    shown = tomllib.loads(render(config))
    assert (shown["server"]["port"], shown["cache"]["offline"]) == (2, True)


def test_shows_no_secret(load_text: LoadText) -> None:
    """User names, passwords and tokens are all the same three stars."""
    shown = render(load_text(_TEXT, {"TOKEN": "canary-token"}).config)
    assert "canary" not in shown
    assert shown.count(f'"{REDACTED}"') == 3
