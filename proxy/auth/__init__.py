"""Which credential belongs to a source, and what to write into a request to it. No HTTP library here."""
