"""Differential privacy: what may be spent, who counts it, and the one door to private noise."""
