"""Variables in credentials."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from proxy.config.load import Loaded, Overrides
from proxy.config.model import BasicAuth, BearerAuth, NoAuth

LoadText = Callable[..., Loaded]
Refuse = Callable[..., tuple[str, ...]]


def _text(auth: str, **keys: str) -> str:
    written = {"name": '"a"', "type": '"oci"', "url": '"https://ghcr.io"'} | keys
    return "[[sources]]\n" + "".join(f"{key} = {value}\n" for key, value in written.items()) + f"auth = {auth}\n"


def _token(loaded: Loaded) -> str:
    auth = loaded.config.sources[0].auth
    assert isinstance(auth, BearerAuth)
    return auth.token.get_secret_value()


@pytest.mark.parametrize(
    ("written", "filled"),
    [
        ("${TOKEN}", "value"),
        ("a-${TOKEN}-${TOKEN}", "a-value-value"),
        ("$TOKEN", "$TOKEN"),
        ("$", "$"),
        ("$$", "$$"),
        ("}{", "}{"),
        ("${NESTED}", "${TOKEN}"),
        ("$${TOKEN}", "$value"),
        ("${_x1}", "underscore"),
    ],
)
def test_fills_in_once(load_text: LoadText, written: str, filled: str) -> None:
    """Only `${NAME}` is a reference, and a value is never looked through again."""
    environ = {"TOKEN": "value", "NESTED": "${TOKEN}", "_x1": "underscore"}
    assert _token(load_text(_text(f'{{ type = "bearer", token = "{written}" }}'), environ)) == filled


def test_fills_in_every_credential_field(load_text: LoadText) -> None:
    """User name and password are filled in like a token."""
    loaded = load_text(
        _text('{ type = "basic", username = "${U}", password = "${P}" }'), {"U": "bob", "P": "pass word"}
    )
    auth = loaded.config.sources[0].auth
    assert isinstance(auth, BasicAuth)
    assert (auth.username.get_secret_value(), auth.password.get_secret_value()) == ("bob", "pass word")


def test_fills_in_nothing_else(refuse: Refuse) -> None:
    """Other keys take no variables: a reference there is a wrong value."""
    problems = refuse(_text('{ type = "none" }', url='"https://${HOST}"'), {"HOST": "ghcr.io"})
    assert [problem.split(" ")[0] for problem in problems] == ["sources[0].url"]


@pytest.mark.parametrize(("environ", "state"), [({}, "not set"), ({"TOKEN": ""}, "empty")])
def test_a_variable_without_value_is_named(refuse: Refuse, environ: dict[str, str], state: str) -> None:
    """An unset or empty variable is an error with key, line and variable, and nothing else is said of the key."""
    assert refuse(_text('{ type = "bearer", token = "${TOKEN}" }'), environ) == (
        f"sources[0].auth.token (line 5) needs the environment variable TOKEN, which is {state}.",
    )


@pytest.mark.parametrize(
    "written", ["${", "${}", "${A B}", "${TOKEN", "x${1A}", "${TOKEN}${", "${A-b}", "${TOKEN:-x}"]
)
@pytest.mark.parametrize("enabled", ["true", "false"])
def test_a_malformed_reference_is_refused(refuse: Refuse, written: str, enabled: str) -> None:
    """What looks like a reference and is none does not become a secret, not even where it is not used."""
    text = _text(f'{{ type = "bearer", token = "{written}" }}', enabled=enabled)
    [problem] = refuse(text, {"TOKEN": "value"})
    assert problem.startswith("sources[0].auth.token (line ")
    assert "${REGISTRY_TOKEN}" in problem
    assert written in {"${", "${}"} or written not in problem


@pytest.mark.parametrize(
    ("keys", "overrides", "end"),
    [
        ({"enabled": "false"}, Overrides(), ""),
        ({}, Overrides(offline=True), ""),
        ({}, Overrides(), "[cache]\noffline = true\n"),
    ],
)
def test_a_source_that_is_not_asked_needs_no_variable(
    load_text: LoadText, keys: dict[str, str], overrides: Overrides, end: str
) -> None:
    """Disabled and offline, a missing variable costs the source its credential and nobody the start."""
    text = _text('{ type = "bearer", token = "${TOKEN}" }', **keys) + end
    assert load_text(text, overrides=overrides).config.sources[0].auth == NoAuth()
    assert _token(load_text(text, {"TOKEN": "value"}, overrides)) == "value"


def test_only_the_disabled_source_is_exempt(refuse: Refuse) -> None:
    """Switching one source off excuses no other."""
    auth = '{ type = "bearer", token = "${TOKEN}" }'
    text = _text(auth, enabled="false") + _text(auth, name='"b"', url='"https://quay.io"')
    assert [problem.split(" ")[0] for problem in refuse(text)] == ["sources[1].auth.token"]
