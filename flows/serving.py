"""One side as a service of its own: its flow, on its schedule, for ever."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING, Any

from prefect.runner import Runner
from prefect.schedules import Cron
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, get_current_settings, temporary_settings
from prefect.types.entrypoint import EntrypointType

from allocations.checkup_prefect_faults import OWN_TMPDIR
from allocations.deployments import OUR_TAG
from cloudrock_io.repeating import Patience
from flows.choices import SyncDirection
from flows.doors import open_cloudrock
from flows.expected import EXPECTED
from flows.running import flow_of, no_answer, require_entry, say, server_address, server_problem
from flows.settings import SettingsError
from flows.temporary import taken
from flows.work_pool import named_here

if TYPE_CHECKING:
    from datetime import datetime

    from flows.settings import Settings

NAME = "service"
PULL_SECONDS = 120
PUSH_SCHEDULES = [
    Cron("15 * * * *", timezone="UTC"),
    Cron("50 23 L * *", timezone="UTC"),
    Cron("35 2 * * *", timezone="UTC", parameters={"refresh": True}),
]
"""Hourly, and shortly before the month ends (L is its last day); each night all days are read anew."""

HEARTBEAT_SECONDS = 30
"""As prefect.yaml has it: the automations know our runs by OUR_TAG, and crash those that do not beat."""
WAIT_SECONDS = 5.0
PATIENCE = Patience(connect_timeout=5, read_timeout=15, attempts=1)
SILENT_POLLS = 6
POLL_SECONDS = 0.2


class SideRunner(Runner):
    """Prefect's runner, which ends without a warning."""

    def handle_sigterm(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - what signal.signal hands over
        """Leave as Prefect's own does: that one first makes a coroutine which nobody awaits."""
        sys.exit(0)


def serve(direction: SyncDirection, settings: Settings) -> None:
    """Run the side's flow on its schedule until the process is stopped, whatever goes away meanwhile.

    SIGTERM and Ctrl-C end it: a run under way is cancelled, and the schedule pauses until the next start.

    Raises:
        SettingsError: there is no address of a Prefect server, it does not let us in, or what it needs in the
            folder for temporary files is another user's.
    """
    url = server_address()
    if whose := taken():
        raise SettingsError(
            f"TMPDIR: {whose}: expected a folder of our own; in the site's folder {OWN_TMPDIR}"
        )
    say_when_silent(settings)
    wait_for_server(url)
    require_entry()
    runner = runner_of(direction)
    silence = SILENT_POLLS * get_current_settings().runner.poll_frequency
    Thread(
        target=watch,
        args=(runner, f"{flow_of(direction).name}/{named_here(NAME)}", url, silence),
        daemon=True,
    ).start()
    beating = {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: HEARTBEAT_SECONDS}
    with suppress(KeyboardInterrupt), temporary_settings(beating):
        asyncio.run(runner.start())


def runner_of(direction: SyncDirection) -> Runner:
    """Prefect's runner of the side, its deployment on the server."""
    name = named_here(NAME)
    runner = SideRunner(name=name, limit=1)
    common: dict[str, Any] = {"name": name, "tags": [OUR_TAG], "entrypoint_type": EntrypointType.MODULE_PATH}
    if direction is SyncDirection.PULL:
        runner.add_flow(flow_of(direction), interval=PULL_SECONDS, **common)
    else:
        runner.add_flow(flow_of(direction), schedules=PUSH_SCHEDULES, **common)
    return runner


@dataclass(slots=True)
class Hearing:
    """For how long the server was not heard, by a clock that nobody sets: the machine's may jump."""

    heard: float
    """When it was heard last, in seconds of the monotonic clock."""
    polled: datetime | None = None
    """What the runner said then."""

    def silence(self, polled: datetime | None, now: float) -> float:
        """Seconds since the runner's last word changed."""
        if polled != self.polled:
            self.polled, self.heard = polled, now
        return now - self.heard


def watch(runner: Runner, name: str, url: str, silence: float) -> None:
    """Say when the side is served; begin the process anew when the server was silent for so many seconds.

    A runner that asked in vain three times hangs for ever (Prefect 3.8), also when the server is there again.
    """
    hearing, served = Hearing(time.monotonic()), False
    while hearing.silence(runner.last_polled, time.monotonic()) < silence:
        if runner.last_polled and not served:
            say(f"{name} is served: {url}")
            served = True
        time.sleep(silence / SILENT_POLLS if served else POLL_SECONDS)
    say(f"PREFECT_API_URL: the Prefect server at {url} did not answer for {silence:.0f} s: beginning anew")
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - this program, as it was started


def wait_for_server(url: str) -> None:
    """Until it answers; says once that it does not, and once that it does."""
    problem = server_problem()
    if problem is None:
        return
    say(f"{no_answer(url, problem)}; waiting for one")
    while server_problem() is not None:
        time.sleep(WAIT_SECONDS)
    say(f"a Prefect server answers at {url}")


def say_when_silent(settings: Settings) -> None:
    """One line when the marketplace does not answer: each run asks it anew, so the service goes on."""
    try:
        with open_cloudrock(settings, PATIENCE) as cloudrock:
            cloudrock.fetch_offering()
    except EXPECTED as failure:
        say(f"the marketplace: {failure}; every run asks it anew")
