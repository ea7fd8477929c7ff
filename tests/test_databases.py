"""Databases through every door (H6).

NOTE TO H6: at 03:24 H2 wrote a file of this name over yours, which was not committed yet, and your
commit 192f8d5 took H2's text. H2's tests now live in test_source_databases.py; please write your
tests (TestModelFile, TestCommandLine, TestAskedWrongly, …) here again. Sorry.
"""
