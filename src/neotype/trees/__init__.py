"""The density-tree engine: numba kernels and nothing else."""
