"""Log lines: one line a message in both forms, whatever foreign text a message holds."""

from __future__ import annotations

import json
import logging
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.observe.log import JsonFormatter, TextFormatter, one_line, start_logging


def _record(message: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord("proxy", logging.WARNING, __file__, 1, message, arguments, None)


def test_text() -> None:
    """Time, level and message."""
    assert TextFormatter().format(_record("source %s failed", "hub")).endswith(" WARNING source hub failed")


def test_json() -> None:
    """The same as one object."""
    line = json.loads(JsonFormatter().format(_record("source %s failed", "hub")))
    assert (line["level"], line["message"]) == ("warning", "source hub failed")
    assert set(line) == {"time", "level", "message"}


@given(st.text(max_size=40))
def test_a_message_forges_no_line(text: str) -> None:
    """Text of a source or a client cannot look like a line of its own, or steer a terminal."""
    for formatter in (TextFormatter(), JsonFormatter()):
        line = formatter.format(_record("source said %s", text))
        assert len(line.splitlines()) == 1
        assert line.isprintable()
    assert one_line("plain text, café") == "plain text, café"
    assert one_line("a\r\nb\x1b[31m") == "a\\r\\nb\\x1b[31m"


def test_a_defect_has_its_traceback() -> None:
    """What nobody thought of is logged with where it happened."""
    record = _record("request failed")
    try:
        int("a defect")
    except ValueError:
        record.exc_info = sys.exc_info()
    assert "ValueError: invalid literal" in TextFormatter().format(record)
    assert "ValueError: invalid literal" in json.loads(JsonFormatter().format(record))["traceback"]


@pytest.mark.parametrize("as_json", [True, False])
def test_one_handler(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """Starting twice still writes each line once, to standard error, from INFO up."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        start_logging(as_json=as_json)
        start_logging(as_json=as_json)
        logging.getLogger("anything").info("said once")
        logging.getLogger("anything").debug("not said")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("said once") == 1
    assert "not said" not in captured.err
    assert (json.loads(captured.err)["message"] == "said once") if as_json else captured.err.endswith("said once\n")
