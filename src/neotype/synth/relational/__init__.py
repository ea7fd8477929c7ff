"""Whole databases: parents first, then children one after the other, then all other keys."""
