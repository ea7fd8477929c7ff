"""A run as a page that anyone can read."""
