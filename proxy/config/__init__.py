"""The configuration: what may be written, how it is read and checked, and how it is shown."""
