"""The command line: `cloudrock-slurm`, also `python -m cloudrock_slurm.main`.

Without a command it is the service: it serves the side that CLOUDROCK_SYNC_DIRECTION names, on its schedule.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import cyclopts

from allocations.backfilling import parse_range
from cloudrock_slurm.components import components
from cloudrock_slurm.ending import BAD_SETTINGS, FAILED, calm_ending
from cloudrock_slurm.report import report
from cloudrock_slurm.templates import is_installed
from flows.choices import DeploymentType, SyncDirection
from flows.settings import SettingsError, load_components, load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

SandboxFolder = Annotated[
    Path | None, cyclopts.Parameter(help="Where the sandbox lives (default: .sandbox in the checkout).")
]

DISTRIBUTION = "cloudrock-slurm-agent"

app = cyclopts.App(
    name="cloudrock-slurm",
    help="Makes Cloudrock allocations real on a SLURM cluster and reports what they used.",
    version=lambda: version(DISTRIBUTION),
    version_flags=["--version"],
    default_parameter=cyclopts.Parameter(negative=()),
)
app.command(components)
app.command(report)


@app.default
def serve() -> int:
    """Serve one side for ever, on its schedule, as CLOUDROCK_SYNC_DIRECTION says (pull or push)."""
    with calm_ending():
        settings = load_settings()
        load_components(settings)
        if settings.sync_direction is None:
            raise SettingsError("CLOUDROCK_SYNC_DIRECTION: missing: expected pull or push")
        from flows.serving import serve as serve_side  # noqa: PLC0415 - importing Prefect takes seconds

        serve_side(settings.sync_direction, settings)
    return 0


@app.command
def init(folder: Path, *, user: str | None = None) -> int:
    """Write a new site's files into a folder: settings to fill in, components, deployments, systemd units.

    Nothing is overwritten. The settings' file is for its owner only.

    Args:
        folder: where; it is made when missing.
        user: who runs the services, as the units say (default: whoever runs this).
    """
    from cloudrock_slurm.init import init as perform  # noqa: PLC0415 - only this command writes files

    return perform(folder, user=user)


@app.command
def check() -> int:
    """Read settings and components file, and reach the container if there is one; `doctor` looks at all."""
    with calm_ending():
        settings = load_settings()
        components = load_components(settings)
        sys.stdout.write(f"settings and components are well: {', '.join(components)}\n")
        if settings.deployment_type is DeploymentType.DOCKER:
            from flows.doors import open_slurm  # noqa: PLC0415 - the tables take time to import

            name = open_slurm(settings).fetch_cluster_name()
            sys.stdout.write(f"SLURM answers in the container {settings.container_name}: cluster {name}\n")
    return 0


@app.command
def doctor(*, json: bool = False, reset_breaker: bool = False) -> int:
    """Look at settings, marketplace, SLURM and Prefect: what is wrong, why it matters, what mends it.

    It only reads. Exit 0: all OK; 1: warnings; 2: errors. docs/doctor.md lists everything that it may find.

    Args:
        json: print the findings for a program.
        reset_breaker: first forget that slurmdbd was slow: it is asked again at once (docs/protection.md).
    """
    from cloudrock_slurm.doctor import doctor as perform  # noqa: PLC0415 - the tables take time to import

    return perform(as_json=json, reset_breaker=reset_breaker)


@app.command
def deploy(*, check: bool = False) -> int:
    """Make the Prefect server have what prefect.yaml and deployments/automations.yaml say.

    Work pool, deployments and automations are made or changed where they differ, so a second time changes
    nothing. Nothing is deleted, and what is paused stays so.

    Args:
        check: only say what differs, and write nothing. Exit 1: something differs.
    """
    from cloudrock_slurm.deploy import deploy as perform  # noqa: PLC0415 - Prefect takes seconds

    return perform(check=check)


@app.command
def plan(
    *,
    commands: bool = False,
    json: bool = False,
    adopt_parents: bool = False,
) -> int:
    """Print what the next pull would do and why; it writes nothing. Exit 1: a pull would refuse the plan.

    Args:
        commands: also print the exact commands.
        json: print it for a program, commands included.
        adopt_parents: plan with the accounts that stand elsewhere moved under their projects.
    """
    from cloudrock_slurm.plan import plan as perform  # noqa: PLC0415 - the tables take time to import

    return perform(commands=commands, as_json=json, adopt_parents=adopt_parents)


@app.command
def drift(*, json: bool = False) -> int:
    """Compare the whole cluster with the marketplace; it writes nothing. Exit 3: they differ.

    Args:
        json: print the findings for a program.
    """
    from cloudrock_slurm.drift import drift as perform  # noqa: PLC0415 - the tables take time to import

    return perform(as_json=json)


@app.command
def repair(*accounts: str, dry_run: bool = False) -> int:
    """Make missing accounts of OK resources again, with limits and members; needs a Prefect server.

    Args:
        accounts: their names, as `drift` shows them.
        dry_run: show the plan and its commands, and write nothing.
    """
    if not accounts:
        sys.stderr.write(
            "repair: no account given: expected the names of missing ones, as `drift` shows them\n"
        )
        return FAILED
    from cloudrock_slurm.repair import repair as perform  # noqa: PLC0415 - the same

    return perform(accounts, dry_run=dry_run)


@app.command
def retry(order_item: str) -> int:
    """Set an erred order item executing again: the next pull carries it out.

    Args:
        order_item: its uuid, as the portal and `plan` show it.
    """
    from cloudrock_slurm.retry import retry as perform  # noqa: PLC0415 - the same

    return perform(order_item)


@app.command
def pull(
    *, once: bool = False, dry_run: bool = False, force: bool = False, adopt_parents: bool = False
) -> int:
    """Serve the pull side on its schedule; with --once run it once, now, and wait for its end.

    Args:
        once: run it once: exit 0 when it went well or was skipped, 1 when a person must look.
        dry_run: with --once: plan only.
        force: with --once: go on although the plan removes more than SYNC_MAX_REMOVALS or 30 %.
        adopt_parents: with --once: move accounts that stand elsewhere under their projects.
    """
    parameters = {"dry_run": dry_run, "force": force, "adopt_parents": adopt_parents}
    return run_side(SyncDirection.PULL, parameters, once=once)


@app.command
def push(
    *,
    once: bool = False,
    period: str | None = None,
    allocation: str | None = None,
    dry_run: bool = False,
    allow_decrease: bool = False,
    refresh: bool = False,
) -> int:
    """Serve the push side on its schedule; with --once run it once, now, and wait for its end.

    Args:
        once: run it once: exit 0 when all is told, 1 when a person must look.
        period: with --once: past months to count and tell again, as YYYY-MM or YYYY-MM..YYYY-MM.
        allocation: with --period: only this one: its account, or its resource's uuid.
        dry_run: with --period: say what would change, and change nothing.
        allow_decrease: with --once: let amounts fall although no correction of the books explains it.
        refresh: with --once: read every day of the month anew.
    """
    parameters: dict[str, object] = {
        "period": period,
        "allocation": allocation,
        "dry_run": dry_run,
        "allow_decrease": allow_decrease,
        "refresh": refresh,
    }
    with calm_ending():
        if period is not None:
            parse_range(period)
    return run_side(SyncDirection.PUSH, parameters, once=once)


def run_side(direction: SyncDirection, parameters: Mapping[str, object], *, once: bool) -> int:
    """One side, for ever or once; parameters are for once only."""
    given = [f"--{name.replace('_', '-')}" for name, value in parameters.items() if value]
    if not once and given:
        sys.stderr.write(f"{', '.join(given)}: only with --once\n")
        return BAD_SETTINGS
    with calm_ending():
        settings = load_settings()
        load_components(settings)
        if once:
            from flows.running import run_once  # noqa: PLC0415 - Prefect takes seconds

            return run_once(direction, parameters)
        from flows.serving import serve as serve_side  # noqa: PLC0415 - the same

        serve_side(direction, settings)
    return 0


def without_sandbox() -> int:
    """Whether there is none here; says so. The sandbox starts its programs in a checkout."""
    if not is_installed():
        return 0
    sys.stderr.write("demo, up and down need a checkout of cloudrock-slurm: `make demo` there\n")
    return FAILED


@app.command
def demo(*, folder: SandboxFolder = None) -> int:
    """Show the whole way on a sandbox: an order, its accounts, two jobs, their usage; then stop."""
    if code := without_sandbox():
        return code
    from sandbox.demo import demo as perform  # noqa: PLC0415 - only the demo knows the sandbox

    return perform(folder)


@app.command
def up(*, folder: SandboxFolder = None) -> int:
    """The demo, and the sandbox stays up; prints the address of its page, where one orders and sees."""
    if code := without_sandbox():
        return code
    from sandbox.demo import up as perform  # noqa: PLC0415 - the same

    return perform(folder)


@app.command
def down(*, folder: SandboxFolder = None) -> int:
    """Stop what `up` started."""
    if code := without_sandbox():
        return code
    from sandbox.demo import down as perform  # noqa: PLC0415 - the same

    return perform(folder)


def main() -> None:
    """The console script: exits with the command's code."""
    app()


if __name__ == "__main__":
    main()
