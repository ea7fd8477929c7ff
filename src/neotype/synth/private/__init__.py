"""Tables with differential privacy: what they may read, measure and keep."""
