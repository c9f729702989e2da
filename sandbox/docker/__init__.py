"""A Docker engine of our own, and a container with the sandbox cluster's SLURM, for the tests."""

from sandbox.docker.engine import Engine

__all__ = ["Engine"]
