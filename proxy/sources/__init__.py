"""Sources: pure functions from a parsed request to what it means. No sockets, no files."""
