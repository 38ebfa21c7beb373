"""`moorage serve`: run until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
from collections.abc import Mapping

from proxy.app import Moorage
from proxy.cli.loading import load_configuration
from proxy.config.model import Config
from proxy.observe.log import start_logging

_ENDING = (signal.SIGINT, signal.SIGTERM)

_logger = logging.getLogger(__name__)


def serve(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Serve until SIGINT or SIGTERM; a second one ends at once."""
    loaded = load_configuration(options, environ)
    start_logging(as_json=loaded.config.log.format == "json")
    for notice in loaded.notices:
        _logger.warning("%s", notice)
    asyncio.run(_serve(loaded.config, environ))
    return 0


async def _serve(config: Config, environ: Mapping[str, str]) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        stopping.set()
        for number in _ENDING:
            loop.remove_signal_handler(number)
            # The next one kills. Files are right at any moment, so there is nothing to tidy up.
            signal.signal(number, signal.SIG_DFL)

    for number in _ENDING:
        loop.add_signal_handler(number, stop)
    async with Moorage(config, environ=environ) as running:
        names = ", ".join(source.name for source in config.sources if source.enabled)
        mode = "offline, " if config.cache.offline else ""
        _logger.info("serving %s (%s%s)", " and ".join(running.addresses), mode, names)
        await stopping.wait()
        _logger.info("stopping; running transfers have 10 seconds to end")
