"""`make demo`, `make up`, `make down`: the stack and its story, for a person at a terminal."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

from rich.console import Console

from sandbox.slurm import SandboxError
from sandbox.stack import Stack
from sandbox.story import Story

if TYPE_CHECKING:
    from types import FrameType

FAILED = 1
INTERRUPTED = 130


def demo() -> int:
    """Start everything, tell the story, stop everything. The exit code."""
    return perform(stays=False)


def up() -> int:
    """The same, and it stays up. The exit code."""
    return perform(stays=True)


def down() -> int:
    """Stop what `up` started. The exit code."""
    stack, console = Stack(), Console()
    running = stack.is_running()
    try:
        stack.stop()
    except SandboxError as error:
        console.print(f"[red]Could not stop everything:[/] {error}", markup=True, highlight=False)
        return 1
    console.print("Stopped." if running else "Nothing was running.")
    return 0


def perform(*, stays: bool) -> int:
    """The demo's frame: what was started is stopped, unless it shall stay and all went well."""
    console = Console(soft_wrap=True)
    stack = Stack()
    story = Story(stack, console)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    code = FAILED
    try:
        with story.step("Starting a SLURM cluster, the marketplace's stand-in, Prefect's server and worker"):
            stack.start(stays=stays)
        story.tell()
        code = 0
    except SandboxError as error:
        console.print(f"[bold red]Failed:[/] {error}", highlight=False)
        console.print(
            f"Logs: {stack.services.folder / 'logs'} and {stack.cluster.folder / 'logs'}", highlight=False
        )
    except KeyboardInterrupt:
        console.print("\nInterrupted.")
        code = INTERRUPTED
    finally:
        if stays and code == 0:
            tell_address(console, stack)
        else:
            code = stopped(story, code)
    console.print(f"[dim]{time.monotonic() - story.began:.0f} s in all[/]", highlight=False)
    return code


def stopped(story: Story, code: int) -> int:
    """Stop everything; a second Ctrl-C does not leave half of it running."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with story.step("Stopping everything"):
            story.stack.stop()
    except SandboxError as error:
        story.console.print(f"[bold red]Failed:[/] {error}", highlight=False)
        return code or FAILED
    return code


def tell_address(console: Console, stack: Stack) -> None:
    """What a person can do now."""
    market = stack.services.folder / "market.tokens.json"
    console.print(f"\nPrefect UI: [bold]{stack.ui_url}[/]", highlight=False)
    console.print(f"Marketplace: {stack.market['api_url']} (tokens: {market})", highlight=False)
    exports = " ".join(f"{name}={value}" for name, value in stack.shell_environment().items())
    console.print(f"For your shell: export {exports}", highlight=False)
    console.print("It stays up until: make down", highlight=False)


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """SIGTERM and SIGHUP end the demo as Ctrl-C does."""
    raise KeyboardInterrupt
