"""A table drawn as its schema declares it, before any data exists; and declared as its data is."""
