"""`moorage serve` from start to end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from cli.commands import Home
from fakes.faults import Gate
from fakes.registry import FakeRegistry
from fakes.wire import Wire, ask


def _configuration(upstream: FakeRegistry, extra: str = "") -> str:
    auth = 'auth = { type = "none" }'
    return f'{extra}\n[[sources]]\nname = "up"\ntype = "oci"\nurl = "{upstream.url}"\ndefault = true\n{auth}\n'


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_start_and_end(home: Home, number: int) -> None:
    """It says where it listens, on both loopback addresses, serves, and ends with status 0 on a signal."""
    async with home.serve() as served:
        other = served.url.replace("127.0.0.1", "[::1]")
        for url in (served.url, other):
            assert (await ask(url, "/-/health")).body == b"ok\n"
            assert (await ask(url, "/v2/")).status == 200
        ended = await served.end(number)
    assert ended.status == 0
    assert other in ended.errors
    assert " GET /-/health 200 " in ended.errors
    assert "Traceback" not in ended.errors
    assert ended.output == ""


async def test_only_its_own_files(home: Home) -> None:
    """Serving writes to the data folder, for its user alone, and nowhere else in the home."""
    async with home.serve() as served:
        await served.end()
    assert list(home.folder.iterdir()) == [home.data]
    for path in (home.data, *home.data.rglob("*")):
        assert path.lstat().st_mode & 0o022 == 0
    assert home.data.stat().st_mode & 0o777 == 0o700


async def test_the_default_data_folder(home: Home) -> None:
    """Without settings the data is in the user's cache folder."""
    process = await home._start("serve", "--port", "0")
    assert process.stderr is not None
    while b"http://" not in (line := await process.stderr.readline()):
        assert line
    process.terminate()
    await process.communicate()
    assert (home.folder / ".cache" / "moorage" / "version").exists()


async def test_a_running_transfer_is_drained(home: Home) -> None:
    """On SIGTERM a transfer under way gets to its end before the process does."""
    async with FakeRegistry() as upstream:
        digest = upstream.add_pattern_blob("a", 3_000_000)
        gate = Gate(1_500_000)
        upstream.script("blobs", gate)
        async with home.serve("-c", home.write(_configuration(upstream))) as served:
            transfer = asyncio.create_task(ask(served.url, f"/v2/a/blobs/{digest}"))
            await gate.reached.wait()
            ending = asyncio.create_task(served.end())
            gate.opened.set()
            answer = await transfer
            ended = await ending
    assert (answer.complete, len(answer.body), ended.status) == (True, 3_000_000, 0)


async def test_a_second_signal_ends_at_once(home: Home) -> None:
    """Who asks twice does not wait for transfers; the partial stays for the next start."""
    async with FakeRegistry() as upstream:
        digest = upstream.add_pattern_blob("a", 3_000_000)
        gate = Gate(1_500_000)
        upstream.script("blobs", gate)
        async with (
            home.serve("-c", home.write(_configuration(upstream))) as served,
            await Wire.connect(served.url) as wire,
        ):
            await wire.request("GET", f"/v2/a/blobs/{digest}")
            head = await wire.head()
            served.process.send_signal(signal.SIGTERM)
            assert served.process.stderr is not None
            while b"stopping" not in (line := await served.process.stderr.readline()):
                assert line
            ended = await served.end()
            received = [piece async for piece in wire.body(head)]
            assert not wire.complete
            assert sum(map(len, received)) < 3_000_000
    assert ended.status == -signal.SIGTERM
    assert "Traceback" not in ended.errors


async def test_the_log_for_machines(home: Home) -> None:
    """With `format = "json"` every line is an object."""
    async with FakeRegistry() as upstream:
        file = home.write(_configuration(upstream, '[log]\nformat = "json"'))
        async with home.serve("-c", file) as served:
            assert (await ask(served.url, "/v2/a/manifests/none")).status == 404
            ended = await served.end()
    lines = [json.loads(line) for line in ended.errors.splitlines()]
    assert [line["status"] for line in lines if "status" in line] == [404]
    assert any("serving http://127.0.0.1" in line.get("message", "") for line in lines)


async def test_two_on_one_folder(home: Home) -> None:
    """A second one on the same data folder says who holds it, ends with status 2 and harms nothing."""
    async with home.serve() as first:
        second = await home.run("serve", "--port", "0", "--data-dir", str(home.data))
        assert second.status == 2
        assert f"is in use by process {first.process.pid}" in second.errors
        assert str(home.data) in second.errors
        assert (await ask(first.url, "/-/health")).status == 200
        await first.end(signal.SIGKILL)
    async with home.serve() as third:
        assert (await ask(third.url, "/-/health")).status == 200


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_port_that_is_taken(home: Home, address: str) -> None:
    """A port in use is never exchanged for another: status 2 and the reason."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as other:
        other.bind((address, 0))
        other.listen()
        port = other.getsockname()[1]
        ended = home.call("serve", "--port", str(port), "--data-dir", str(home.data))
    assert ended.status == 2
    assert f"cannot listen on {address} port {port}" in ended.errors
    assert "Traceback" not in ended.errors


def _open_to_others(data: Path) -> None:
    data.mkdir()
    data.chmod(0o777)


def _symlink(data: Path) -> None:
    (data.parent / "elsewhere").mkdir()
    data.symlink_to("elsewhere")


def _dangling(data: Path) -> None:
    data.symlink_to("nowhere")


def _file(data: Path) -> None:
    data.write_bytes(b"")


def _other_layout(data: Path) -> None:
    data.mkdir(0o700)
    (data / "version").write_text("99\n")


def _planted_part(data: Path) -> None:
    (data.parent / "elsewhere").mkdir()
    data.mkdir(0o700)
    (data / "blobs").symlink_to("../elsewhere")


def _planted_lock(data: Path) -> None:
    (data / "run").mkdir(0o700, parents=True)
    data.chmod(0o700)
    (data / "run" / "lock").symlink_to("../../target")


def _open_part(data: Path) -> None:
    _symlink_free = data / "entries"
    _symlink_free.mkdir(parents=True)
    data.chmod(0o700)
    _symlink_free.chmod(0o777)


def _somebody_else_s(data: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    data.mkdir(0o700)
    os.chown(data, 12345, 12345)


@pytest.mark.parametrize(
    "plant",
    [
        _open_to_others,
        _symlink,
        _dangling,
        _file,
        _other_layout,
        _planted_part,
        _planted_lock,
        _open_part,
        _somebody_else_s,
    ],
)
def test_data_folders_that_cannot_be_used(home: Home, plant: Callable[[Path], None]) -> None:
    """A folder that others can write to, that leads elsewhere or is of another layout: status 2 and no harm."""
    plant(home.data)
    before = sorted(str(path) for path in home.folder.rglob("*") if "elsewhere" in str(path) or "target" in path.name)
    ended = home.call("serve", "--port", "0", "--data-dir", str(home.data))
    assert ended.status == 2
    assert ended.errors.startswith("moorage: cache.data_dir: ")
    assert str(home.data) in ended.errors
    assert "Traceback" not in ended.errors
    assert before == sorted(
        str(path) for path in home.folder.rglob("*") if "elsewhere" in str(path) or "target" in path.name
    )
