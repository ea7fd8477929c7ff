"""What the data is: kinds, tables, keys, and how they are inferred."""
