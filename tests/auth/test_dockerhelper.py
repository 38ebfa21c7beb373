"""Credential helpers, as real programs."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fakes.clock import FakeClock

from proxy.auth.credentials import Credential, IdentityToken, UserPassword
from proxy.auth.dockerhelper import Helpers, parse_answer
from proxy.auth.helperprocess import HelperFailed, HelperOutput, find_helper, helper_environment

_ANSWER = '{"ServerURL":"ghcr.io","Username":"ann","Secret":"canary-secret"}'


class _Bench:
    """A folder of helpers, and what it takes to run them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.environ = {"PATH": f"{folder}:/usr/bin:/bin", "HOME": str(folder), "MOORAGE_SECRET": "canary-variable"}
        self.helpers = Helpers(self.environ, self.clock)

    def install(self, name: str, script: str) -> None:
        """Write a helper that notes each of its runs."""
        path = self.folder / f"docker-credential-{name}"
        path.write_text(f'#!/bin/sh\necho run >> "$HOME/runs"\n{script}\n')
        path.chmod(0o755)

    @property
    def runs(self) -> int:
        path = self.folder / "runs"
        return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[_Bench]:
    made = _Bench(tmp_path)
    yield made
    await made.helpers.close()


async def test_conversation(bench: _Bench) -> None:
    """A helper gets `get` as its only argument, the server without a line end, and answers with a password."""
    bench.install("ok", f'echo "$@" > "$HOME/arguments"; cat > "$HOME/input"; echo \'{_ANSWER}\'')
    assert await bench.helpers.ask("ok", "ghcr.io") == UserPassword("ann", "canary-secret")
    assert (bench.folder / "arguments").read_text() == "get\n"
    assert (bench.folder / "input").read_text() == "ghcr.io"


async def test_environment(bench: _Bench) -> None:
    """A helper sees the variables that helpers need and none of ours."""
    bench.install("ok", f"env > \"$HOME/environment\"; echo '{_ANSWER}'")
    bench.environ |= {
        "AWS_PROFILE": "work",
        "XDG_RUNTIME_DIR": "/run/x",
        "GNUPGHOME": "/g",
        "REGISTRY_TOKEN": "canary",
    }
    await bench.helpers.ask("ok", "ghcr.io")
    environment = (bench.folder / "environment").read_text()
    assert "canary" not in environment
    for line in ("AWS_PROFILE=work", "XDG_RUNTIME_DIR=/run/x", "GNUPGHOME=/g", f"HOME={bench.folder}"):
        assert line in environment.splitlines()


async def test_output_without_reading_the_input(bench: _Bench) -> None:
    """A helper that never reads what it is asked may answer all the same."""
    bench.install("deaf", f"exec <&-; echo '{_ANSWER}'")
    assert await bench.helpers.ask("deaf", "ghcr.io") == UserPassword("ann", "canary-secret")


async def test_not_found_is_no_warning(bench: _Bench, caplog: pytest.LogCaptureFixture) -> None:
    """The sentence that means "not here" gives nothing, in silence."""
    bench.install("empty", "echo credentials not found in native keychain; exit 1")
    assert await bench.helpers.ask("empty", "ghcr.io") is None
    assert not caplog.records


async def test_remembered_for_five_minutes(bench: _Bench) -> None:
    """An answer, also an empty one, is asked for once in five minutes and for each server by itself."""
    bench.install("ok", f"echo '{_ANSWER}'")
    bench.install("empty", "echo credentials not found in native keychain; exit 1")
    for name in ("ok", "empty"):
        before = bench.runs
        await bench.helpers.ask(name, "ghcr.io")
        bench.clock.advance(299)
        await bench.helpers.ask(name, "ghcr.io")
        assert bench.runs == before + 1
        bench.clock.advance(2)
        await bench.helpers.ask(name, "ghcr.io")
        assert bench.runs == before + 2
        await bench.helpers.ask(name, "quay.io")
        assert bench.runs == before + 3


async def test_forgotten_on_demand(bench: _Bench) -> None:
    """Forgetting a server after a minute makes its next question a new run, and no other's."""
    bench.install("ok", f"echo '{_ANSWER}'")
    for server in ("ghcr.io", "quay.io"):
        await bench.helpers.ask("ok", server)
    bench.clock.advance(60)
    bench.helpers.forget(("ghcr.io",))
    for server in ("ghcr.io", "quay.io"):
        await bench.helpers.ask("ok", server)
    assert bench.runs == 3


async def test_a_new_answer_is_not_forgotten(bench: _Bench) -> None:
    """In its first minute an answer, also an empty one, stands although it was refused."""
    bench.install("ok", f"echo '{_ANSWER}'")
    bench.install("empty", "echo credentials not found in native keychain; exit 1")
    for name in ("ok", "empty"):
        before = bench.runs
        for seconds in (0, 59, 0.9):
            await bench.helpers.ask(name, "ghcr.io")
            bench.clock.advance(seconds)
            bench.helpers.forget(("ghcr.io",))
        await bench.helpers.ask(name, "ghcr.io")
        assert bench.runs == before + 1


async def test_one_run_for_many_callers(bench: _Bench) -> None:
    """Fifty callers at once, of whom the first leaves, cost one run and all others get its answer."""
    os.mkfifo(bench.folder / "gate")
    bench.install("slow", f"read line < \"$HOME/gate\"; echo '{_ANSWER}'")
    asks = [asyncio.create_task(bench.helpers.ask("slow", "ghcr.io")) for _ in range(50)]
    await bench.clock.waiting()
    asks[0].cancel()
    await asyncio.to_thread((bench.folder / "gate").write_text, "go\n")
    answers = await asyncio.gather(*asks, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert answers[1:] == [UserPassword("ann", "canary-secret")] * 49
    assert bench.runs == 1


async def test_hanging_helper_is_killed_with_its_children(bench: _Bench, caplog: pytest.LogCaptureFixture) -> None:
    """After ten seconds a helper counts as failed, and neither it nor a child of it lives on."""
    alive = bench.folder / "alive"
    os.mkfifo(alive)
    bench.install("hang", 'exec 9> "$HOME/alive"; sleep 3600 & echo canary-secret; sleep 3600')
    ask = asyncio.create_task(bench.helpers.ask("hang", "ghcr.io"))
    # The pipe ends when everybody who inherited its other end is gone.
    pipe = await asyncio.to_thread(alive.open, "rb")
    bench.clock.advance(9.9)
    await asyncio.sleep(0)
    assert not ask.done()
    bench.clock.advance(0.2)
    assert await ask is None
    with pipe:
        assert await asyncio.to_thread(pipe.read) == b""
    assert "'hang'" in caplog.text
    assert "'ghcr.io'" in caplog.text
    assert "10 seconds" in caplog.text
    assert "canary" not in caplog.text


async def test_helper_that_leaves_a_child_with_its_output(bench: _Bench) -> None:
    """A helper that ended but left a child holding its output is given up in time, and the child ended."""
    alive = bench.folder / "alive"
    os.mkfifo(alive)
    bench.install("parent", f"echo '{_ANSWER}'; exec 9> \"$HOME/alive\"; sleep 3600 & exit 0")
    ask = asyncio.create_task(bench.helpers.ask("parent", "ghcr.io"))
    pipe = await asyncio.to_thread(alive.open, "rb")
    bench.clock.advance(10)
    assert await ask is None
    with pipe:
        assert await asyncio.to_thread(pipe.read) == b""


async def test_chatty_helper_is_cut_off(bench: _Bench, caplog: pytest.LogCaptureFixture) -> None:
    """A helper that prints a gigabyte is ended at 64 KiB, without the clock's help."""
    bench.install("chatty", "exec head -c 1073741824 /dev/zero")
    assert await bench.helpers.ask("chatty", "ghcr.io") is None
    assert "65536 bytes" in caplog.text


async def test_closing_ends_what_runs(bench: _Bench) -> None:
    """Closing kills a helper under way, and its caller is released."""
    alive = bench.folder / "alive"
    os.mkfifo(alive)
    bench.install("hang", 'exec 9> "$HOME/alive"; sleep 3600')
    ask = asyncio.create_task(bench.helpers.ask("hang", "ghcr.io"))
    pipe = await asyncio.to_thread(alive.open, "rb")
    await bench.helpers.close()
    with pytest.raises(asyncio.CancelledError):
        await ask
    with pipe:
        assert await asyncio.to_thread(pipe.read) == b""


@pytest.mark.parametrize(
    "script",
    [
        "echo canary-secret; exit 1",
        "echo canary-secret",
        "echo '[\"canary-secret\"]'",
        'echo \'{"Username":"canary:x","Secret":"canary-secret"}\'',
        "printf '\\377\\376'",
        "kill -9 $$",
        "true",
    ],
)
async def test_failures_name_the_helper_only(script: str, bench: _Bench, caplog: pytest.LogCaptureFixture) -> None:
    """A failing helper gives nothing and one warning, with its name and the host and nothing that it printed."""
    bench.install("bad", script)
    assert await bench.helpers.ask("bad", "ghcr.io") is None
    assert await bench.helpers.ask("bad", "ghcr.io") is None
    assert len(caplog.records) == 1
    assert "'bad'" in caplog.text
    assert "'ghcr.io'" in caplog.text
    assert "canary" not in caplog.text


@pytest.mark.parametrize("name", ["../evil", "a b", "/bin/sh", "", "a" * 65, "évil", "x\n", "x;y", ".", "\ud800"])
async def test_bad_names_run_nothing(name: str, bench: _Bench, caplog: pytest.LogCaptureFixture) -> None:
    """A name that could be a path or more than a name is refused before anything starts."""
    bench.install("evil", "true")
    assert await bench.helpers.ask(name, "ghcr.io") is None
    assert bench.runs == 0
    assert len(caplog.text.splitlines()) == 1


async def test_what_cannot_be_started(bench: _Bench, caplog: pytest.LogCaptureFixture) -> None:
    """A helper whose interpreter is missing fails like any other."""
    path = bench.folder / "docker-credential-odd"
    path.write_text("#!/nowhere/interpreter\n")
    path.chmod(0o755)
    assert await bench.helpers.ask("odd", "ghcr.io") is None
    assert "cannot be started" in caplog.text


def test_only_absolute_folders_are_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A helper planted in the current folder is not found through an empty or relative entry of PATH."""
    planted = tmp_path / "bin" / "docker-credential-x"
    planted.parent.mkdir()
    planted.write_text("#!/bin/sh\n")
    planted.chmod(0o755)
    monkeypatch.chdir(planted.parent)
    for search in ("", ":", ".", "../bin", "::/nowhere", "bin"):
        with pytest.raises(HelperFailed):
            find_helper("x", {"PATH": search})
    with pytest.raises(HelperFailed):
        find_helper("x", {})
    assert find_helper("x", {"PATH": f".:{planted.parent}"}) == str(planted)
    planted.chmod(0o644)
    with pytest.raises(HelperFailed):
        find_helper("x", {"PATH": str(planted.parent)})


def test_variables_that_helpers_get() -> None:
    """The list of variables is closed: prefixes of clouds and XDG, and a few names."""
    kept = {
        "PATH": "1",
        "HOME": "2",
        "LANG": "3",
        "XDG_DATA_HOME": "4",
        "GOOGLE_X": "5",
        "AZURE_X": "6",
        "DISPLAY": "7",
    }
    assert helper_environment({**kept, "TOKEN": "x", "MY_AWS_KEY": "x", "LD_PRELOAD": "x", "HOMEX": "x"}) == kept


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"Username": "ann", "Secret": "s"}, UserPassword("ann", "s")),
        ({"Username": "<token>", "Secret": "s"}, IdentityToken("", "s")),
        ({"Username": "", "Secret": ""}, None),
        ({}, None),
    ],
)
def test_answers(fields: dict[str, str], expected: Credential | None) -> None:
    """A printed pair is a password or an identity token; an empty one is nothing."""
    assert parse_answer(HelperOutput(0, json.dumps(fields).encode())) == expected
