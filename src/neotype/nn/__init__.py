"""Networks: the one room that knows torch, which need not be installed."""
