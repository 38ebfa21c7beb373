"""Readiness: 503 while answers cannot be kept, 200 else."""

from __future__ import annotations

from faults.disks import file_size_limit
from web.site import Site


async def test_ready(site: Site) -> None:
    """A program whose folder takes what it is given is ready."""
    assert (await site.ask("/v2/a/b/manifests/v1")).status == 200
    answer = await site.ask("/-/ready")
    assert (answer.status, answer.body) == (200, b"ok\n")


async def test_a_folder_that_is_gone_or_replaced(site: Site) -> None:
    """Without its data folder, or with another in its place, the program says what is wrong; health stays good."""
    folder = site.proxy.data_dir
    away = folder.with_name("away")
    folder.rename(away)
    answer = await site.ask("/-/ready")
    assert answer.status == 503
    assert b"the data folder is gone" in answer.body
    folder.mkdir()
    assert (await site.ask("/-/ready")).status == 503
    assert (await site.ask("/-/health")).status == 200
    folder.rmdir()
    away.rename(folder)
    assert (await site.ask("/-/ready")).status == 200


async def test_a_write_that_was_refused(site: Site) -> None:
    """After a write that failed the program is not ready, until one succeeds."""
    with file_size_limit(0):
        assert (await site.ask(f"/v2/a/b/manifests/{site.manifest}")).status == 200
        answer = await site.ask("/-/ready")
        assert answer.status == 503
        assert b"refused the last write" in answer.body
    assert (await site.ask("/v2/a/b/manifests/v1")).status == 200
    assert (await site.ask("/-/ready")).status == 200


async def test_a_download_that_was_refused(site: Site) -> None:
    """A large download that could not be kept counts as well."""
    with file_size_limit(100_000):
        assert (await site.ask(site.blob(site.large))).status == 200
        assert (await site.ask("/-/ready")).status == 503
    assert (await site.ask(site.blob(site.large))).complete
    asked = site.upstream.count()
    # The last bytes leave a little before the download is put in place.
    while (await site.ask("/-/ready")).status != 200:
        assert site.upstream.count() == asked
