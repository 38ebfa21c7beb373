"""What every command begins with: the configuration, from its file and the command line."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from proxy.auth.credentialfile import configured_hosts
from proxy.config.load import Loaded, Overrides, load


def load_configuration(options: argparse.Namespace, environ: Mapping[str, str]) -> Loaded:
    """The effective configuration; ConfigError for every mistake in it."""
    overrides = Overrides(host=options.host, port=options.port, data_dir=options.data_dir, offline=options.offline)
    hosts = configured_hosts(environ)
    return load(options.config, environ=environ, overrides=overrides, credential_hosts=hosts)
