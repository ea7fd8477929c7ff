"""neotype learns a real table and makes a synthetic stand-in for it."""
