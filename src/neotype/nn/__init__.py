"""Networks: the one room that knows torch, which need not be installed."""

import os

# Threads that have nothing to do shall sleep. Where others want the cores too, waiting in a loop
# makes a step cost ten times as much (read when torch is first imported; what a user set, holds).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
