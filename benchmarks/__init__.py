"""Measurements of neotype: `python -m benchmarks --help`. Numbers live here and never in a test."""
