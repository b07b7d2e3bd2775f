"""The journeys: they orchestrate ports and pure functions, and do nothing else."""
