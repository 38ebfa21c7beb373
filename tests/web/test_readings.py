"""What a request means is worked out once; remembering it is bounded and never mixes requests up."""

from __future__ import annotations

from fakes.wire import Wire
from web.scripted import front
from web.site import OCI_INDEX, OCI_MANIFEST, Site

from proxy.cache.bodies import HeldBody
from proxy.pipeline.answers import Answer


async def test_long_headers_are_not_remembered() -> None:
    """A client cannot fill the memory with Accept headers."""
    async with (
        front(lambda: Answer("text/plain", 2, HeldBody(b"ok"))) as served,
        await Wire.connect(served.url) as wire,
    ):
        for number in range(3):
            await wire.request("GET", f"/v2/{number}", [("Accept", "x/" + "y" * 8000)] * 60)
            assert (await wire.answer()).status == 200
        await wire.request("GET", "/v2/short", [("Accept", OCI_INDEX)])
        assert (await wire.answer()).status == 200
    assert [target for target, _ in served.handler._readings] == ["/v2/short"]


async def test_requests_are_told_apart(site: Site) -> None:
    """Target, query and Accept all count: no request gets what another one meant."""
    target = "/v2/a/b/manifests/v1"
    for _ in range(2):
        assert (await site.ask(target, ("Accept", OCI_MANIFEST))).status == 200
        assert (await site.ask(target, ("Accept", OCI_INDEX))).status == 404
        assert (await site.ask(target + "?ns=evil.test")).status == 404
        assert (await site.ask(target.upper())).status == 404
        assert (await site.ask("/v2/a/b/tags/list?n=0")).body == b'{"name":"a/b","tags":[]}'
        assert (await site.ask("/v2/a/b/tags/list?n=1")).body == b'{"name":"a/b","tags":["v1"]}'


async def test_refusals_are_not_remembered(site: Site) -> None:
    """The door is asked for every request, whatever was answered before."""
    target = "/v2/a/b/manifests/v1"
    assert (await site.ask(target)).status == 200
    assert (await site.ask(target, ("Host", "evil.test"))).status == 421
    assert (await site.ask(target, ("Origin", "http://evil.test"))).status == 403
    assert (await site.ask(target, method="DELETE")).status == 405
