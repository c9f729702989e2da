"""What `plan`, `drift` and `repair` say first: which cluster they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

    from slurm_io.client import Slurm


def tell_cluster(console: Console, slurm: Slurm) -> None:
    """Which cluster it is for, when that was asked."""
    if slurm.known:
        console.print(Text(f"On the cluster {slurm.known}:", style="dim"))
