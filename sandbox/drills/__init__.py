"""What breaks on a headnode, broken on purpose on the whole sandbox, and what then happens, written down."""

from __future__ import annotations

from sandbox.drills import breaking, jumping
from sandbox.drills.breaking import Drill

WHOSE = "Of Prefect's server, the worker and its runs, not of SLURM's daemons and the marketplace,"
DRILLS = {
    "worker": Drill(
        "The worker is killed",
        "kill -9 of the worker's process in the middle of an order; it is started again ten seconds later.",
        breaking.worker_killed,
    ),
    "run": Drill(
        "The worker and a run are killed",
        "kill -9 of both in the middle of an order; the worker is started again at once, as systemd does.",
        breaking.run_killed,
    ),
    "server": Drill(
        "Prefect's server is restarted",
        f"The server is stopped for {breaking.SERVER_SECONDS} s while a pull is in the middle of an order.",
        breaking.server_restarted,
    ),
    "marketplace": Drill(
        "The marketplace is away for five minutes",
        "The marketplace's server is stopped while an order waits and usage is to be told.",
        breaking.marketplace_down,
    ),
    "slurmdbd": Drill(
        "slurmdbd is away for five minutes",
        "slurmdbd is killed; an order comes in meanwhile, and usage is to be told.",
        breaking.slurmdbd_down,
    ),
    "ahead": Drill(
        "The clock is set three hours ahead",
        f"{WHOSE} in the middle of an order; usage is to be told.",
        jumping.clock_ahead,
    ),
    "back": Drill(
        "The clock is set back by three hours",
        f"{WHOSE} in the middle of an order, from three hours ahead.",
        jumping.clock_set_back,
    ),
    "steps": Drill(
        "The clock is set by 90 seconds",
        f"{WHOSE} in the middle of an order, ahead and back, as a time service may do; usage is to be told.",
        jumping.clock_stepped,
    ),
}
"""In the page's order."""
