"""A token server whose signed tokens docker-registry accepts (distribution docs, spec/auth/jwt.md)."""

from __future__ import annotations

import base64
import datetime as dt
import json
import secrets
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from fakes.access import basic_authorization
from fakes.answers import Answer, Recorded, error_answer, json_answer
from fakes.server import FakeServer

ISSUER = "end-to-end-tests"
SERVICE = "end-to-end-registry"
_LIFETIME = 300


class SignedTokens(FakeServer):
    """Gives one user RS256 tokens for whatever scope is asked for; the certificate vouches for itself."""

    def __init__(self, user: str, password: str) -> None:
        super().__init__()
        self.user = user
        self.password = password
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._certificate = _self_signed(self._key)

    @property
    def realm(self) -> str:
        """The address that the registry's challenge names."""
        return self.url + "/token"

    def write_bundle(self, path: Path) -> Path:
        """Write the certificate that a registry has to trust."""
        path.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))
        return path

    def answer(self, request: Recorded) -> Answer:
        """A token for the right user, or 401."""
        if request.path != "/token" or request.method != "GET":
            return error_answer(404, "UNSUPPORTED", "GET /token is all there is")
        if request.headers.get("authorization") != basic_authorization(self.user, self.password):
            return error_answer(401, "UNAUTHORIZED", "unknown user or password")
        scopes = [scope for name, value in request.query if name == "scope" for scope in value.split()]
        return json_answer({"token": self._sign(scopes), "expires_in": _LIFETIME})

    def _sign(self, scopes: list[str]) -> str:
        der = self._certificate.public_bytes(serialization.Encoding.DER)
        # x5c is standard base64 (RFC 7515 section 4.1.6), everything else is base64url without padding.
        header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": self.user,
            "aud": SERVICE,
            "iat": now,
            "nbf": now - 10,
            "exp": now + _LIFETIME,
            "jti": secrets.token_hex(8),
            "access": [_grant(scope) for scope in scopes],
        }
        signed = f"{_encode(json.dumps(header).encode())}.{_encode(json.dumps(claims).encode())}"
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_encode(signature)}"


def _grant(scope: str) -> dict[str, object]:
    kind, name, actions = scope.split(":")
    return {"type": kind, "name": name, "actions": actions.split(",")}


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _self_signed(key: rsa.RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, ISSUER)])
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
