"""Access lines: one for each request, in one form, written in batches."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.observe.access import AccessLine, AccessLog


def _line(path: str = "/v2/a/manifests/v1", status: int = 200) -> AccessLine:
    return AccessLine(
        finished=1_800_000_000.25,
        request_id="00ff",
        client="127.0.0.1",
        method="GET",
        path=path,
        status=status,
        sent=17,
        seconds=0.01234567,
        source="hub",
        cache="moorage; hit",
    )


class _Counting(io.StringIO):
    """Counts how often it is written to."""

    writes = 0

    def write(self, text: str) -> int:
        self.writes += 1
        return super().write(text)


def test_text() -> None:
    """A line for people holds everything in a fixed order."""
    assert _line().as_text() == (
        "2027-01-15T08:00:00Z 127.0.0.1 GET /v2/a/manifests/v1 200 17 12.3ms "
        'source=hub cache="moorage; hit" id=00ff\n'
    )


def test_json() -> None:
    """A line for machines holds the same."""
    assert json.loads(_line().as_json()) == {
        "time": "2027-01-15T08:00:00.250+00:00",
        "request_id": "00ff",
        "client": "127.0.0.1",
        "method": "GET",
        "path": "/v2/a/manifests/v1",
        "status": 200,
        "sent": 17,
        "seconds": 0.012346,
        "source": "hub",
        "cache": "moorage; hit",
    }


@given(st.text(max_size=30))
def test_a_path_forges_no_line(path: str) -> None:
    """Whatever stands in a path, a request is one line, also to readers that split at every kind of line end."""
    assert len(_line(path).as_text().splitlines()) == 1
    assert len(_line(path).as_json().splitlines()) == 1
    assert json.loads(_line(path).as_json())["path"] == path


async def test_lines_leave_together() -> None:
    """A hundred lines leave at once, and nothing is written for each; the rest leaves on flushing."""
    stream = _Counting()
    log = AccessLog(stream, as_json=False)
    for _ in range(250):
        log.add(_line())
    assert (stream.writes, len(stream.getvalue().splitlines())) == (2, 200)
    log.flush()
    assert (stream.writes, len(stream.getvalue().splitlines())) == (3, 250)
    log.flush()
    assert stream.writes == 3


async def test_json_lines() -> None:
    """The form is chosen once."""
    stream = io.StringIO()
    log = AccessLog(stream, as_json=True)
    log.add(_line(status=404))
    log.flush()
    assert json.loads(stream.getvalue())["status"] == 404


@pytest.mark.parametrize("error", [BrokenPipeError, OSError])
async def test_a_stream_that_refuses(error: type[OSError]) -> None:
    """Lines that cannot be written are lost without a word, and the next ones are tried again."""

    class _Refusing(io.StringIO):
        refuse = True

        def write(self, text: str) -> int:
            if self.refuse:
                raise error
            return super().write(text)

    stream = _Refusing()
    log = AccessLog(stream, as_json=False)
    for _ in range(100):
        log.add(_line())
    stream.refuse = False
    log.add(_line())
    log.flush()
    assert len(stream.getvalue().splitlines()) == 1
