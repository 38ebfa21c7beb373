"""The values that stand for credentials."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.auth.credentials import (
    Anonymous,
    BearerToken,
    Credential,
    IdentityToken,
    UserPassword,
    fits_header,
    stored_credential,
)

_ALL: list[Credential] = [
    Anonymous(),
    UserPassword("ab", "c"),
    UserPassword("a", "bc"),
    UserPassword("", "abc"),
    IdentityToken("ab", "c"),
    IdentityToken("", "abc"),
    BearerToken("abc"),
]


def test_fingerprints_differ_and_last() -> None:
    """Two credentials share a fingerprint only if they are equal, and the fingerprint is not the secret."""
    assert len({credential.fingerprint for credential in _ALL}) == len(_ALL)
    assert UserPassword("a", "bc").fingerprint == UserPassword("a", "bc").fingerprint
    assert all(len(credential.fingerprint) == 64 for credential in _ALL)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters=":")), st.text())
def test_basic_can_be_read_back(username: str, password: str) -> None:
    """What Basic writes is the pair in UTF-8 (RFC 7617)."""
    try:
        password.encode()
    except UnicodeEncodeError:
        return
    scheme, _, encoded = UserPassword(username, password).basic.partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(encoded).decode() == f"{username}:{password}"


@pytest.mark.parametrize(
    ("username", "secret", "expected"),
    [
        ("", "", None),
        ("u", "p", UserPassword("u", "p")),
        ("u", "", UserPassword("u", "")),
        ("", "p", UserPassword("", "p")),
        ("<token>", "t", IdentityToken("", "t")),
        ("<token>", "", None),
    ],
)
def test_what_a_store_means(username: str, secret: str, expected: Credential | None) -> None:
    """A pair from a store is a password, an identity token, or nothing."""
    assert stored_credential(username, secret) == expected


def test_colon_in_the_user_name() -> None:
    """A user name that Basic would cut in two is refused, without a word of it in the error."""
    with pytest.raises(ValueError, match="colon") as caught:
        stored_credential("canary:name", "canary-secret")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("token", "fits"),
    [("abc.DEF-_~+/=", True), ("", False), ("a b", False), ("a\r\nX: y", False), ("a\0", False), ("é", False)],
)
def test_tokens_that_fit_a_header(token: str, fits: bool) -> None:
    """Only printable ASCII without spaces may become part of a header."""
    assert fits_header(token) is fits
