"""`make demo`, `make up`, `make down`: the stack and its story, for a person at a terminal."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from sandbox.slurm import SandboxError
from sandbox.slurm.interrupts import interrupt_once, uninterrupted
from sandbox.stack import FOLDER, Stack
from sandbox.story import Story

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FAILED = 1
INTERRUPTED = 130


def demo(folder: Path | None = None) -> int:
    """Start everything, tell the story, stop everything. The exit code."""
    return perform(Stack(folder or FOLDER), stays=False)


def up(folder: Path | None = None) -> int:
    """The same, and it stays up. The exit code."""
    return perform(Stack(folder or FOLDER), stays=True)


def down(folder: Path | None = None) -> int:
    """Stop what `up` started, or what a killed demo left. The exit code."""
    stack, console = Stack(folder or FOLDER), Console(soft_wrap=True)
    interrupt_once()
    try:
        with uninterrupted(), alone(stack):
            running = stack.is_running()
            stack.stop()
    except SandboxError as error:
        tell_failure(console, f"could not stop everything: {error}")
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    console.print("Stopped." if running else "Nothing was running.")
    return 0


def perform(stack: Stack, *, stays: bool) -> int:
    """One demo or `up` per folder at a time, and none over one that is up. The exit code."""
    console = Console(soft_wrap=True)
    interrupt_once()
    try:
        with alone(stack):
            if not stack.is_up():
                return play(stack, console, stays=stays)
            tell_failure(console, f"it is up already, at {stack.page_url}: use it, or stop it first (down)")
    except SandboxError as error:
        console.print(f"[bold red]Failed:[/] {error}", highlight=False)
    except KeyboardInterrupt:
        console.print("\nInterrupted.")
        return INTERRUPTED
    return FAILED


@contextmanager
def alone(stack: Stack) -> Iterator[None]:
    """Nobody else starts or stops the folder's stack meanwhile; the kernel forgets it when we die."""
    stack.folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(stack.folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise SandboxError(
            f"a demo, up or down is at work in {stack.folder}: wait for it, or press Ctrl-C there"
        ) from None
    try:
        yield
    finally:
        os.close(descriptor)


def play(stack: Stack, console: Console, *, stays: bool) -> int:
    """The demo's frame: what was started is stopped, unless it shall stay and all went well."""
    story = Story(stack, console)
    code = FAILED
    try:
        with story.step("Starting a SLURM cluster, the marketplace's stand-in, Prefect's server and worker"):
            stack.start(stays=stays)
        story.tell()
        if stays:
            stack.stay()
        code = 0
    except SandboxError as error:
        tell_failure(console, str(error))
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
    """Stop everything; a Ctrl-C meanwhile does not leave half of it running."""
    try:
        with uninterrupted(), story.step("Stopping everything"):
            story.stack.stop()
    except SandboxError as error:
        tell_failure(story.console, str(error))
        return code or FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def tell_failure(console: Console, reason: str) -> None:
    """One line, or what a program said; brackets in it are no markup."""
    console.print(f"[bold red]Failed:[/] {escape(reason)}", highlight=False)


def tell_address(console: Console, stack: Stack) -> None:
    """What a person can do now."""
    tokens = stack.services.folder / "market.tokens.json"
    console.print(f"\nOpen [bold]{stack.page_url}[/]", highlight=False)
    console.print(
        "There one orders, changes and ends allocations, sees their usage, and goes on to the Prefect UI.",
        highlight=False,
    )
    console.print(f"The marketplace's address and tokens, for programs: {tokens}", highlight=False)
    exports = " ".join(f"{name}={value}" for name, value in stack.shell_environment().items())
    console.print(f"For your shell: export {exports}", highlight=False)
    console.print("It stays up until: make down", highlight=False)
