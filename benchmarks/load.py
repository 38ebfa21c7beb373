"""Load by wrk: as many requests as a server answers on a number of connections."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass

from benchmarks.processes import BenchmarkError, find_program

_SECONDS = 3

# Clients trace their requests, so in real life hardly two heads are alike.
_DIFFERENT = """
local before, after
init = function(arguments)
  wrk.headers["Accept"] = "{accept}"
  wrk.headers["X-Request-Number"] = "-"
  before, after = wrk.format("GET"):match("^(.-X%-Request%-Number: )%-(.*)$")
end
local count = 0
request = function()
  count = count + 1
  return before .. count .. after
end
"""
_IDENTICAL = """
wrk.headers["Accept"] = "{accept}"
"""
_FIGURES = """
done = function(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("figures %d %d %d\\n", summary.requests, summary.duration, failed))
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk got answered."""

    requests: int
    seconds: float

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


def wrk_available() -> bool:
    """Whether load can be made at all."""
    return find_program("wrk") is not None


def press(port: int, path: str, *, connections: int, accept: str, identical: bool = False) -> Load:
    """Ask for one path for three seconds. BenchmarkError if any answer was an error or none came."""
    program = find_program("wrk")
    if program is None:
        raise BenchmarkError("wrk is missing; on Debian: apt-get install wrk")
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write((_IDENTICAL if identical else _DIFFERENT).replace("{accept}", accept) + _FIGURES)
        script.flush()
        command = [program, "--threads", "1", "--connections", str(connections), "--duration", f"{_SECONDS}s"]
        command += ["--timeout", "30s", "--script", script.name, f"http://127.0.0.1:{port}{path}"]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
    figures = [line.split()[1:] for line in ran.stdout.splitlines() if line.startswith("figures ")]
    if ran.returncode or not figures:
        raise BenchmarkError(f"wrk failed: {ran.stderr.strip() or ran.stdout.strip()}")
    requests, microseconds, failed = (int(figure) for figure in figures[0])
    if failed or not requests:
        raise BenchmarkError(f"{failed} of {requests} requests failed")
    return Load(requests, microseconds / 1e6)
