"""What a token service's answer means (distribution docs/content/spec/auth/token.md and oauth.md)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from proxy.auth.credentials import fits_header
from proxy.core.jsonobject import parse_object, text_field

SHORTEST_LIFETIME = 60.0
_LONGEST_LIFETIME = 24 * 3600.0
_USED_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class TokenReply:
    """A token, how many seconds it should be used, and the refresh token to use from now on, if one was sent."""

    token: str = field(repr=False)
    usable: float
    refresh_token: str | None = field(repr=False)


def parse_token_reply(body: bytes, now: float) -> TokenReply:
    """Read a 200 from a token service; `now` is wall-clock seconds. ValueError, with the reason, if unusable.

    A token is used for nine tenths of its life. A lifetime that is missing, below a minute or no number counts
    as a minute, as the specification has it, and more than a day as a day: a figure out of all proportion must
    not keep a token for ever.
    """
    fields = parse_object(body)
    token = text_field(fields, "token") or text_field(fields, "access_token")
    if not token:
        raise ValueError("it holds no token")
    if not fits_header(token):
        raise ValueError("its token holds characters that cannot stand in a header")
    lifetime = _lifetime(fields.get("expires_in"))
    usable = lifetime * _USED_SHARE - _age(text_field(fields, "issued_at"), lifetime, now)
    return TokenReply(token, usable, text_field(fields, "refresh_token") or None)


def _lifetime(value: object) -> float:
    # bool is a kind of int; NaN fails every comparison.
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= SHORTEST_LIFETIME:
        return SHORTEST_LIFETIME
    return float(min(value, _LONGEST_LIFETIME))


def _age(issued_at: str, lifetime: float, now: float) -> float:
    """Seconds since a token was issued, or 0 where the date is missing or the two clocks disagree too much.

    Believed only if it leaves the token as long to live as the shortest lifetime there is: a service whose
    clock is slow would otherwise be asked for every single request.
    """
    try:
        issued = datetime.fromisoformat(issued_at)
    except ValueError:
        return 0.0
    if issued.tzinfo is None:
        return 0.0
    age = now - issued.timestamp()
    return age if 0 <= age <= lifetime * _USED_SHARE - SHORTEST_LIFETIME else 0.0
