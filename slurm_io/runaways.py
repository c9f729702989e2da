"""Run-away jobs: slurmdbd believes that they run, and slurmctld does not know them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slurm_io.parsing_cluster import parse_active

if TYPE_CHECKING:
    from slurm_io.commands import Command
    from slurm_io.parsing_cluster import ActiveJob
    from slurm_io.runner import Runner


def find_runaways(runner: Runner, show_believed: Command, show_queued: Command) -> frozenset[ActiveJob]:
    """Those of slurmdbd's active jobs that are not in slurmctld's queue.

    One that starts or ends between the questions would look like it: what is found is asked for again.

    Args:
        runner: runs the questions.
        show_believed: sacct's question about active jobs.
        show_queued: squeue's question about the same accounts.
    """
    believed = frozenset(parse_active(runner.run(show_believed), "sacct"))
    queued = {job.job_id for job in parse_active(runner.run(show_queued), "squeue")}
    missing = frozenset(job for job in believed if job.job_id not in queued)
    return missing & frozenset(parse_active(runner.run(show_believed), "sacct")) if missing else missing
