"""What runs inside the environments of other libraries: codes of a public domain in, codes out."""
