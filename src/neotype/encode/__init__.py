"""Columns to digits and back."""
