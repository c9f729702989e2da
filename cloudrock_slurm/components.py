"""`cloudrock-slurm components`: the offering's components beside the configured ones."""

from __future__ import annotations

import sys
from typing import Annotated

import cyclopts

from cloudrock_slurm.ending import FAILED, calm_ending
from flows.settings import load_components, load_settings


def components(
    *,
    apply: Annotated[
        bool,
        cyclopts.Parameter(help="Change the offering; without it differences are only shown.", negative=""),
    ] = False,
) -> int:
    """Compare the offering's components with the components file, and change them with --apply."""
    from flows.components import synchronised  # noqa: PLC0415 - this and Prefect take seconds
    from flows.doors import open_cloudrock  # noqa: PLC0415 - the same

    with calm_ending():
        settings = load_settings()
        configured = load_components(settings)
        with open_cloudrock(settings) as cloudrock:
            synced = synchronised(cloudrock, configured, settings.state_dir, apply=apply, only_if_told=True)
    for change in synced.changes:
        sys.stdout.write(f"{change}\n")
    sys.stdout.write(f"{synced.verdict}\n")
    for problem in synced.problems:
        sys.stderr.write(f"{problem}\n")
    return FAILED if synced.problems else 0
