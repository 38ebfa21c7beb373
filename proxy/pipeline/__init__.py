"""The one path that every request takes: look up, decide, ask, verify, keep, answer."""
