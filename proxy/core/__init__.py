"""Pure values and rules: nothing here does I/O or knows an HTTP library."""
