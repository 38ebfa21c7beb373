"""Seeing what happens: time, the log, and a line for each request."""
