"""What of a table is about persons: how it is found, and what is made in its place."""
