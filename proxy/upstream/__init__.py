"""Asking sources: the only layer that speaks HTTP outwards."""
