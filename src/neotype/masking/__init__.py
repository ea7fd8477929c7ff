"""Real rows made fit to be shown: treatments of single columns, and k-anonymity of several.

Nothing here makes a row synthetic. What leaves this room are the rows of real people, changed; how
much was changed is on the receipt.
"""
