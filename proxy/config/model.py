"""What a configuration may hold: one immutable model for each table of `registry.toml`.

Each model keeps its own rules, so that a value of these types is right wherever it comes from. Rules between
sources are in `rules`. A validator's message is a clause that follows the key's name and never repeats the value.
"""

from __future__ import annotations

import math
import re
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    SecretStr,
    StrictBool,
    StrictInt,
    ValidationInfo,
    field_validator,
)

from proxy.config.addresses import (
    HIGHEST_PORT,
    address_of,
    authority_of,
    canonical_authority,
    canonical_host,
    canonical_origin,
    canonical_origin_or_host,
    canonical_url,
    is_plain_beyond_loopback,
    origin_of,
    parse_network,
)
from proxy.config.units import Duration

# First path components that mean something else than a source; "localhost" is always read as a host.
RESERVED_NAMES = frozenset({"v2", "user", "git", "assets", "api", "symbols.zip", "-", ".well-known", "localhost"})
_NOT_DOCKER_HUB = frozenset({"docker.io", "index.docker.io"})
_SOURCE_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_VISIBLE = re.compile(r"[!-~]+")


def _source_name(name: str) -> str:
    if name in RESERVED_NAMES:
        raise ValueError("is a reserved path: choose another name")
    if not _SOURCE_NAME.fullmatch(name):
        raise ValueError("must be lower-case letters, digits and hyphens, and not begin with a hyphen")
    return name


def _registry_url(text: str) -> str:
    url = canonical_url(text)
    if authority_of(url) in _NOT_DOCKER_HUB:
        raise ValueError("serves no images: the registry of Docker Hub is https://registry-1.docker.io")
    path = url.removeprefix(origin_of(url))
    if path.endswith(("/v1", "/v2")):
        raise ValueError(f"must be the registry's base: leave {path[-3:]} out, /v2 is added")
    return url


def _token(secret: SecretStr) -> SecretStr:
    if not _VISIBLE.fullmatch(secret.get_secret_value()):
        raise ValueError("must be visible ASCII characters without blanks or line ends")
    return secret


def _password(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not text or not text.isprintable():
        raise ValueError("must not be empty or hold control characters")
    return secret


def _username(secret: SecretStr) -> SecretStr:
    if ":" in secret.get_secret_value():
        raise ValueError("must not hold a colon (RFC 7617 section 2)")
    return _password(secret)


def _data_dir(path: Path) -> Path:
    if not path.is_absolute() or not str(path).isprintable():
        raise ValueError("must be the path of a folder without control characters")
    return path


def _distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


Host = Annotated[str, AfterValidator(canonical_host)]
Authority = Annotated[str, AfterValidator(canonical_authority)]
Origin = Annotated[str, AfterValidator(canonical_origin)]
OriginOrHost = Annotated[str, AfterValidator(canonical_origin_or_host)]
Network = Annotated[IPv4Network | IPv6Network, PlainValidator(parse_network)]


class _Table(BaseModel):
    # A validation error would otherwise quote the value it refuses, which may be a secret.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ServerSettings(_Table):
    """Where we listen and who may ask.

    `host` is localhost (127.0.0.1 and ::1) or an address. Listening beyond this machine takes `allowed_hosts`
    (Host names, so that a web page cannot rebind a name of its own to us) and `allow` (client networks). A wildcard
    address without `allowed_hosts` is read as localhost. Port 0 is any free port.
    """

    allowed_hosts: tuple[Host, ...] = ()
    allow: tuple[Network, ...] = ()
    host: str = "localhost"
    port: StrictInt = 8080

    @field_validator("host")
    @classmethod
    def _safe_to_bind(cls, host: str, info: ValidationInfo) -> str:
        canonical = canonical_host(host)
        address = address_of(canonical)
        if address is None and canonical != "localhost":
            raise ValueError("must be localhost or an IP address")
        if address is None or address.is_loopback:
            return canonical.strip("[]")
        if not info.data.get("allowed_hosts", True):
            if address.is_unspecified:
                return "localhost"
            raise ValueError(
                "is reachable from other machines and needs the names by which they ask: "
                'write allowed_hosts = ["proxy.example.com"] and allow = ["192.168.0.0/16"] in [server]'
            )
        if not info.data.get("allow", True):
            raise ValueError(
                "is reachable from other machines and needs the networks that may ask: "
                'write allow = ["192.168.0.0/16"] in [server], or ["0.0.0.0/0", "::/0"] for everybody'
            )
        return str(address)

    @field_validator("port")
    @classmethod
    def _in_range(cls, port: int) -> int:
        if not 0 <= port <= HIGHEST_PORT:
            raise ValueError("must be a port from 0 to 65535; 0 takes any free one")
        return port


class CacheSettings(_Table):
    """Where content is kept and how long it is fresh; durations are seconds.

    `tag_ttl` is for what can change (tags, lists), `negative_ttl` for a true 404, `stale_if_error` for how long
    after that something held may stand in for a source that fails (RFC 5861 section 4).
    """

    data_dir: Annotated[Path, AfterValidator(_data_dir)]
    tag_ttl: Duration = 60.0
    negative_ttl: Duration = 5.0
    stale_if_error: Duration = math.inf
    offline: StrictBool = False


class LogSettings(_Table):
    """How lines of the log look."""

    format: Literal["text", "json"] = "text"


class NoAuth(_Table):
    """The source is asked without a credential."""

    type: Literal["none"] = "none"


class BearerAuth(_Table):
    """A fixed token; it may also go to `origins` (the source's own is understood)."""

    type: Literal["bearer"] = "bearer"
    token: Annotated[SecretStr, AfterValidator(_token)]
    origins: tuple[Origin, ...] = ()


class BasicAuth(_Table):
    """A user name and password; they may also go to `origins` (the source's own is understood).

    The name counts as a secret too, because some registries take a token in its place.
    """

    type: Literal["basic"] = "basic"
    username: Annotated[SecretStr, AfterValidator(_username)]
    password: Annotated[SecretStr, AfterValidator(_password)]
    origins: tuple[Origin, ...] = ()


class DockerAuth(_Table):
    """Whatever the user's Docker and Podman credential files and helpers hold for the source's host."""

    type: Literal["docker"] = "docker"


AuthSettings = NoAuth | BearerAuth | BasicAuth | DockerAuth


class SourceSettings(_Table):
    """One upstream registry.

    `hosts` are the names under which clients may ask for it (the url's own if none are written). `trusted_realms`
    are token services and `trusted_redirects` content stores that it may send us to beyond the built-in rules.
    `insecure` lets a credential go over http to another machine.
    """

    # Fields are checked in this order, and `url` is judged by `auth` and `insecure`, `hosts` by `url`.
    name: Annotated[str, AfterValidator(_source_name)]
    type: Literal["oci"]
    default: StrictBool = False
    enabled: StrictBool = True
    insecure: StrictBool = False
    auth: Annotated[AuthSettings, Field(discriminator="type", validate_default=True)] = DockerAuth()
    url: Annotated[str, AfterValidator(_registry_url)]
    hosts: Annotated[tuple[Authority, ...], Field(validate_default=True)] = ()
    trusted_realms: tuple[OriginOrHost, ...] = ()
    trusted_redirects: tuple[OriginOrHost, ...] = ()

    @field_validator("auth")
    @classmethod
    def _encrypted_origins(cls, auth: AuthSettings, info: ValidationInfo) -> AuthSettings:
        plain = isinstance(auth, BearerAuth | BasicAuth) and any(map(is_plain_beyond_loopback, auth.origins))
        if plain and not info.data.get("insecure", True):
            raise ValueError("must not send a credential to http origins: write https, or insecure = true")
        return auth

    @field_validator("url")
    @classmethod
    def _encrypted(cls, url: str, info: ValidationInfo) -> str:
        if _sends_credential(info) and is_plain_beyond_loopback(url):
            raise ValueError(
                "must not send a credential over http to another machine: write https, or insecure = true, "
                'or auth = { type = "none" }'
            )
        return url

    @field_validator("hosts")
    @classmethod
    def _own_host(cls, hosts: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        url = info.data.get("url")
        return _distinct(hosts) or ((authority_of(url),) if isinstance(url, str) else ())

    @field_validator("trusted_realms")
    @classmethod
    def _encrypted_realms(cls, realms: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if _sends_credential(info) and any(map(is_plain_beyond_loopback, realms)):
            raise ValueError("must not send a credential to an http realm: write https, or insecure = true")
        return _distinct(realms)


class Config(_Table):
    """The whole configuration, checked."""

    server: ServerSettings = ServerSettings()
    cache: CacheSettings
    log: LogSettings = LogSettings()
    sources: tuple[SourceSettings, ...] = ()


def _sends_credential(info: ValidationInfo) -> bool:
    # A wrong auth table is missing here; it would have held a credential.
    return not isinstance(info.data.get("auth"), NoAuth) and not info.data.get("insecure", True)
