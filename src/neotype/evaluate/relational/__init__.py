"""Measures of databases: keys, children per parent, and what goes together across tables."""
