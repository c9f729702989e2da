"""A real one-host SLURM cluster, for the demo, the tests and the benchmarks."""

from sandbox.slurm.beside import ClusterBeside
from sandbox.slurm.cluster import Cluster
from sandbox.slurm.errors import SandboxError
from sandbox.slurm.history import PastJob

__all__ = ["Cluster", "ClusterBeside", "PastJob", "SandboxError"]
