"""Check a synthetic table: fidelity, utility, privacy."""
