"""Certificates for servers of tests, made on the spot; a real authority's and all the wrong kinds."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority whose certificate is in the file `path`."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    path: Path


def make_authority(folder: Path) -> Authority:
    """A new authority; `SSL_CERT_FILE` set to its path makes OpenSSL trust it alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Test authority")
    builder = _builder(name, name, key, valid=True).add_extension(x509.BasicConstraints(True, None), critical=True)
    certificate = builder.sign(key, hashes.SHA256())
    path = folder / "authority.pem"
    path.write_bytes(certificate.public_bytes(Encoding.PEM))
    return Authority(key, certificate, path)


def server_context(
    folder: Path, authority: Authority | None, *, host: str = "127.0.0.1", valid: bool = True
) -> ssl.SSLContext:
    """TLS for a server: signed by the authority, or by itself if that is None; expired unless `valid`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(host)
    issuer = subject if authority is None else authority.certificate.subject
    alternative: x509.GeneralName = x509.DNSName(host)
    if host[0].isdigit():
        alternative = x509.IPAddress(ip_address(host))
    builder = _builder(subject, issuer, key, valid=valid)
    builder = builder.add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
    certificate = builder.sign(key if authority is None else authority.key, hashes.SHA256())
    path = folder / f"server-{certificate.serial_number:x}.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *, valid: bool
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 10 * _DAY)
        .not_valid_after(now + 10 * _DAY if valid else now - _DAY)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
