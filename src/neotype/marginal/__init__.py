"""Graphical models from noisy marginals. Knows no privacy: it takes tables, and their noise."""
