"""Jobs that the two parsers read and add up in a CPU second, on the same jobs."""

from __future__ import annotations

import subprocess
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from allocations.usage import tres_seconds
from sandbox.bench.old_agent import OldAgent
from slurm_io.commands import show_lives
from slurm_io.parsing_jobs import parse_lives

if TYPE_CHECKING:
    from datetime import datetime

    from sandbox.bench.metering import Meter

PARSED = 100_000
"""Job records that each parser is given, at least."""
DAYS = timedelta(days=1)
OLD = ("--noconvert", "--truncate", "--allocations", "--allusers", "--format=Account,ReqTRES,Elapsed,User")


def jobs_per_second(meter: Meter, until: datetime) -> dict[str, float]:
    """Ours; the old agents' as published; and the same with its logging switched off."""
    text = printed(meter, show_lives(until - DAYS, until))
    times = -(-PARSED // max(1, text.count("\n")))
    began = time.process_time()
    tres_seconds(parse_lives(text * times, until).jobs)
    ours = times * text.count("\n") / (time.process_time() - began)
    bounds = (f"--starttime={until - DAYS:%Y-%m-%dT%H:%M:%S}", f"--endtime={until:%Y-%m-%dT%H:%M:%S}")
    old_format = {name: value for name, value in meter.environment.items() if name != "SLURM_TIME_FORMAT"}
    old = printed(meter, ("sacct", "--parsable2", "--noheader", *bounds, *OLD), old_format)
    path = meter.stack.folder / "jobs.txt"
    path.write_text(old * times)
    agent, records = OldAgent(meter), old.count("\n") * times
    rates = {
        "parsed_per_second_ours": ours,
        "parsed_per_second_old": records / agent.parsing(path),
        "parsed_per_second_old_quiet": records / agent.parsing(path, "quiet"),
    }
    path.unlink()
    return rates


def printed(meter: Meter, command: tuple[str, ...], environment: dict[str, str] | None = None) -> str:
    """What a command says."""
    done = subprocess.run(
        command, env=environment or meter.environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout
