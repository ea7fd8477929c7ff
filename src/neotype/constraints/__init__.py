"""What must hold in the rows of a table: a file a family of constraints."""
