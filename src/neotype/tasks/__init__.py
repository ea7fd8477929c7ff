"""What people do with a table beyond copying its shape: replace, fill, enlarge, balance, shift."""
