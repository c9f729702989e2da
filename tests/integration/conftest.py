"""The whole stack as a person has it: commands typed at a terminal, Prefect's command line, a browser."""

from __future__ import annotations

import fcntl
import os
import pwd
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.slurm import people
from sandbox.stack import Stack
from tests.own_folder import DEMO_FOLDER, ROOT, UP_FOLDER
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager


ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
LENT = {"MPLCONFIGDIR"}
"""What the tests set for themselves: a person at a terminal has none of it."""
CTRL_C = b"\x03"
WIDTH, HEIGHT = 120, 50
COMMAND_SECONDS = 240


@dataclass
class Typed:
    """A `cloudrock-slurm` command in a terminal of its own: Ctrl-C is a key there."""

    words: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] = field(init=False)
    received: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self.ours, theirs = os.openpty()
        here = {name: value for name, value in os.environ.items() if name not in LENT}
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
        self.process = subprocess.Popen(
            ("setsid", "--ctty", sys.executable, "-m", "cloudrock_slurm.main", *self.words),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=ROOT,
            env={**here, "TERM": "xterm", **self.environment},
        )
        os.close(theirs)
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self) -> None:
        with suppress(OSError):  # the terminal's end, once nobody has it open
            while piece := os.read(self.ours, 65536):
                self.received += piece

    @property
    def text(self) -> str:
        """What the screen shows, without colours."""
        return ESCAPES.sub("", self.received.decode(errors="replace")).replace("\r\n", "\n")

    def wait_for(self, words: str) -> None:
        until(lambda: words in self.text or self.process.poll() is not None, f"{words!r} in {self.text}")
        assert words in self.text, self.text

    def press_ctrl_c(self) -> None:
        os.write(self.ours, CTRL_C)

    def end(self) -> int:
        """Its exit code."""
        try:
            code = self.process.wait(COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            self.press_ctrl_c()
            raise
        self.reader.join()
        os.close(self.ours)
        return code


def marked(folder: Path) -> list[str]:
    """The processes that have anything to do with the folder, by their command lines."""
    mark = os.fsencode(folder)
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdecimal() and int(process.name) != os.getpid():
            with suppress(OSError):
                words = (process / "cmdline").read_bytes()
                state = (process / "stat").read_text(errors="replace").rpartition(")")[2].split()[0]
                if state not in "ZX" and mark in words + (process / "environ").read_bytes():
                    found.append(words.replace(b"\0", b" ").decode(errors="replace"))
    return found


def os_users(folder: Path) -> list[str]:
    """The OS users of a stack in this folder."""
    named = [entry.pw_name for entry in pwd.getpwall() if entry.pw_name.endswith(Stack(folder).suffix)]
    return named + [entry.pw_name for entry in people.made_by(folder / "slurm")]


def assert_nothing_left(folder: Path) -> None:
    assert marked(folder) == []
    assert os_users(folder) == []
    assert not Stack(folder).cluster.places.run.exists()


@dataclass
class Up:
    """The stack that `up` left up, for the tests that share it."""

    stack: Stack
    screen: str
    exports: dict[str, str]

    @property
    def token(self) -> str:
        """The agent's."""
        return str(self.stack.market["tokens"]["provider_owner"])

    def prefect(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Prefect's command line in a shell that has exported what `up` said, and nothing else of Prefect."""
        mine = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        return subprocess.run(
            (sys.executable, "-m", "prefect", *words),
            env={**mine, **self.exports, "COLUMNS": "400"},
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    def ask(self, method: str, path: str, body: object = None) -> Any:
        return self.stack.api.ask(method, path, body)


@pytest.fixture(scope="session")
def up() -> Iterator[Up]:
    """`cloudrock-slurm up`, over what a killed one left; `down` at the end leaves nothing."""
    killed = Typed(("up", "--folder", str(UP_FOLDER)))
    parts = ("munged", "sandbox.cloudrock", "prefect server start")
    until(lambda: all(part in " ".join(marked(UP_FOLDER)) for part in parts), f"{parts} start")
    os.kill(killed.process.pid, signal.SIGKILL)
    killed.end()
    assert marked(UP_FOLDER)
    typed = Typed(("up", "--folder", str(UP_FOLDER)))
    try:
        assert typed.end() == 0, typed.text
        exports = re.search(r"export (.*)\n", typed.text)
        assert exports
        yield Up(Stack(UP_FOLDER), typed.text, dict(pair.split("=", 1) for pair in exports[1].split()))
    finally:
        down = Typed(("down", "--folder", str(UP_FOLDER)))
        assert down.end() == 0, down.text
    assert "Stopped." in down.text
    assert_nothing_left(UP_FOLDER)


@contextmanager
def demo(**environment: str) -> Iterator[Typed]:
    """A demo under way; whatever the test finds, it does not outlive the test."""
    typed = Typed(("demo", "--folder", str(DEMO_FOLDER)), environment)
    try:
        yield typed
    finally:
        if typed.process.poll() is None:
            typed.press_ctrl_c()
            typed.end()


@pytest.fixture
def demonstrate() -> Callable[..., AbstractContextManager[Typed]]:
    """(Test folders are no packages: what they share, they share through fixtures.)"""
    return demo


@pytest.fixture
def nothing_left() -> Callable[[Path], None]:
    return assert_nothing_left


@pytest.fixture
def processes_of() -> Callable[[Path], list[str]]:
    return marked


@pytest.fixture
def command() -> Callable[..., tuple[int, str]]:
    """One that ends by itself: its exit code and what it says."""

    def perform(*words: str) -> tuple[int, str]:
        typed = Typed(words)
        code = typed.end()
        return code, typed.text

    return perform
