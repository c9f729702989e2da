"""The command line: `cloudrock-slurm`, also `python -m cloudrock_slurm.main`.

Without a command it is the service: it serves the side that CLOUDROCK_SYNC_DIRECTION names, on its schedule.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import cyclopts

from allocations.errors import RuleError
from cloudrock_slurm.components import components
from cloudrock_slurm.report import report
from flows.settings import SettingsError, load_components, load_settings

BAD_SETTINGS = 2

SandboxFolder = Annotated[
    Path | None, cyclopts.Parameter(help="Where the sandbox lives (default: .sandbox in the checkout).")
]

app = cyclopts.App(
    name="cloudrock-slurm",
    help="Makes Cloudrock allocations real on a SLURM cluster and reports what they used.",
    version_flags=["--version"],
)
app.command(components)
app.command(report)


@app.default
def serve() -> int:
    """Serve one side for ever, on its schedule, as CLOUDROCK_SYNC_DIRECTION says (pull or push)."""
    try:
        settings = load_settings()
        load_components(settings)
    except (SettingsError, RuleError) as error:
        sys.stderr.write(f"{error}\n")
        return BAD_SETTINGS
    if settings.sync_direction is None:
        sys.stderr.write("CLOUDROCK_SYNC_DIRECTION: missing: expected pull or push\n")
        return BAD_SETTINGS
    from flows.serving import serve as serve_side  # noqa: PLC0415 - importing Prefect takes seconds

    try:
        serve_side(settings.sync_direction)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return BAD_SETTINGS
    return 0


@app.command
def check() -> int:
    """Read the settings and the components file, and say what is wrong with them."""
    try:
        components = load_components(load_settings())
    except (SettingsError, RuleError) as error:
        sys.stderr.write(f"{error}\n")
        return BAD_SETTINGS
    sys.stdout.write(f"settings and components are well: {', '.join(components)}\n")
    return 0


@app.command
def demo(*, folder: SandboxFolder = None) -> int:
    """Show the whole way on a sandbox: an order, its accounts, two jobs, their usage; then stop."""
    from sandbox.demo import demo as perform  # noqa: PLC0415 - only the demo knows the sandbox

    return perform(folder)


@app.command
def up(*, folder: SandboxFolder = None) -> int:
    """The demo, and the sandbox stays up; prints the Prefect UI's address."""
    from sandbox.demo import up as perform  # noqa: PLC0415 - the same

    return perform(folder)


@app.command
def down(*, folder: SandboxFolder = None) -> int:
    """Stop what `up` started."""
    from sandbox.demo import down as perform  # noqa: PLC0415 - the same

    return perform(folder)


def main() -> None:
    """The console script: exits with the command's code."""
    app()


if __name__ == "__main__":
    main()
