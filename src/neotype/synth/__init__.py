"""Fit and sample: one family a file."""
