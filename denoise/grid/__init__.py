"""Grids: what is to be run, who works on it, and what has become of it; needs no torch but in a cell."""
