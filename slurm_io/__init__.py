"""The door to SLURM: processes below, typed records above."""
