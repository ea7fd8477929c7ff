"""Databases: PostgreSQL, MySQL and MariaDB by address, SQLite and DuckDB by file.

`pull` reads the tables, with the keys that the database declares, from one consistent snapshot.
`push` writes tables with their types and keys: all of them or nothing. SQLAlchemy says what is
there; rows travel by the fastest way each driver has. No password reaches a message, a model file
or a report: `Address.shown` is all that is ever printed.
"""
