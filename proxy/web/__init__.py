"""The web layer: the only one that serves HTTP."""
