"""Moorage: a caching reverse proxy for private registries."""

__version__ = "0.1.0"
