"""`moorage config`: the effective configuration, as it would be served."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping

from proxy.cli.loading import load_configuration
from proxy.config.show import render


def show(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print it as TOML, every secret replaced."""
    loaded = load_configuration(options, environ)
    for notice in loaded.notices:
        print(f"moorage: {notice}", file=sys.stderr)
    print(render(loaded.config), end="")
    return 0
