"""`python -m sandbox.bench.observing`: the whole cluster observed once, as a pull does."""

from __future__ import annotations

import sys

from sandbox.inherited import environment
from slurm_io.client import Slurm
from slurm_io.runner import NativeRunner

if __name__ == "__main__":
    state = Slurm(NativeRunner(environment())).observe_whole()
    sys.stdout.write(f"{len(state.accounts)} accounts, {len(state.associations)} associations\n")
