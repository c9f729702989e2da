"""A headnode that is installed as docs/install.md says, from the first command to the last."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flows import temporary
from sandbox.cloudrock import Marketplace
from sandbox.slurm import SandboxError, processes
from sandbox.slurm.places import free_ports
from tests.own_folder import FOLDER, PEOPLE, ROOT, SUFFIX
from tests.walks.page import AFTERWARDS, Places, blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.slurm import Cluster

USER = f"crs_agent{SUFFIX}"
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
FOREIGN = (
    "PREFECT",
    "CLOUDROCK",
    "SLURM",
    "PYTHON",
    "VIRTUAL_ENV",
    "MPLCONFIGDIR",
    "COV_",
    "PYTEST",
    "PYENV",
)
PORTS = ("PREFECT_API_URL", "PREFECT_SERVER_API_PORT", "PREFECT_SERVER_UI_API_URL")
SECONDS = 540
BUSY_TRIES = 10
TAIL = 3000
"""Characters of a log."""


@dataclass
class Headnode:
    """A machine on which somebody typed what the page says."""

    places: Places
    marketplace: Marketplace
    environment: dict[str, str]
    said: str = ""
    code: int | None = None

    def type(self, script: str) -> subprocess.CompletedProcess[str]:
        """In one session of root's shell, in the checkout."""
        output = self.places.folder / "typed.log"
        with output.open("w") as log:
            # a file, no pipe: what goes on in the background keeps it open
            typed = subprocess.Popen(
                ("bash", "-c", script),
                env=self.environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            code = typed.wait(SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(typed.pid, signal.SIGKILL)
            code = typed.wait()
            return subprocess.CompletedProcess((), code, output.read_text() + self.unfinished())
        return subprocess.CompletedProcess((), code, output.read_text())

    def unfinished(self) -> str:
        """What was going on when the commands took too long."""
        logs = sorted(self.places.site.glob("*.log"))
        last = [f"the last of {log.name}:\n{log.read_text(errors='replace')[-TAIL:]}" for log in logs]
        return "\n".join((f"killed after {SECONDS} s", *last, *self.command_lines()))

    def ask(self, path: str, body: object = None) -> Any:
        """Prefect's server: a POST with a body, else a GET."""
        encoded = None if body is None else json.dumps(body).encode()
        url = f"http://127.0.0.1:{self.places.port}/api/{path}"
        known = {"Content-Type": "application/json", **self.entry()}
        request = urllib.request.Request(url, encoded, known)
        for _ in range(BUSY_TRIES):
            with suppress(urllib.error.HTTPError), urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - the same
                return json.load(answer)
            time.sleep(1)  # SQLite has one writer: on a loaded machine the server answers 503
        raise AssertionError(path)

    def password(self) -> str:
        """The words that `init` made up for Prefect's server."""
        lines = (self.places.site / ".env").read_text().splitlines()
        return next(line for line in lines if line.startswith("PREFECT_API_AUTH_STRING=")).partition("=")[2]

    def entry(self) -> dict[str, str]:
        """The header that they go into."""
        return {"Authorization": f"Basic {b64encode(self.password().encode()).decode()}"}

    def read(self, path: str) -> str:
        """A page of the server, which needs no password."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.places.port}{path}", timeout=30) as answer:
            return str(answer.read(), "utf-8", "replace")

    def processes(self) -> set[processes.Process]:
        """Whatever runs as the agent's user."""
        with suppress(KeyError):
            return processes.all_of_user(pwd.getpwnam(self.places.user).pw_uid)
        return set()

    def find(self, words: str) -> set[processes.Process]:
        """Those of them whose command line has the words."""
        return {one for one in self.processes() if words in command_line(one.pid)}

    def end(self, words: str) -> None:
        """As a supervisor would, its children included: they have the same words, or end with it."""
        processes.end(partial(self.find, words), polite_seconds=20)

    def command_lines(self) -> list[str]:
        """What runs as the agent's user."""
        return [command_line(one.pid) for one in self.processes()]

    def environment_of(self, pid: int) -> list[str]:
        """The variables of a process."""
        return (Path("/proc") / str(pid) / "environ").read_text(errors="replace").split("\0")


def command_line(pid: int) -> str:
    """Its words; none when it has gone."""
    with suppress(OSError):
        return (Path("/proc") / str(pid) / "cmdline").read_text(errors="replace").replace("\0", " ")
    return ""


def plain_environment(places: Places, cluster: Cluster) -> dict[str, str]:
    """A shell's own on a machine that knows nothing of this checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    cache = str(FOLDER.parent.parent / "pip-cache")  # the machine's network is not what is tried
    own = {
        "PATH": SYSTEM_PATH,
        "HOME": str(places.folder / "home"),
        "TMPDIR": str(places.shared),
        "PIP_CACHE_DIR": cache,
        "PYTHONUNBUFFERED": "1",  # so that what was killed had its say
        "DEBIAN_FRONTEND": "noninteractive",
    }
    return {**kept, **own, **cluster.environment}


def written_down(places: Places, marketplace: Marketplace, cluster: Cluster) -> None:
    """The lines of .env that are this site's own."""
    api = f"http://127.0.0.1:{places.port}/api"
    lines = {
        "CLOUDROCK_API_URL": marketplace.api_url,
        "CLOUDROCK_API_TOKEN": marketplace.tokens["provider_owner"],
        "CLOUDROCK_OFFERING_UUID": marketplace.offering_uuid,
        **dict(zip(PORTS, (api, str(places.port), api), strict=True)),
        "SLURM_CONF": cluster.environment["SLURM_CONF"],
    }
    places.answers.touch(0o600)
    places.answers.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))


@pytest.fixture(scope="session")
def headnode(cluster: Cluster) -> Iterator[Headnode]:
    """The page's blocks up to doctor and the first run of both sides, carried out."""
    cluster.add_people(*PEOPLE)
    folder = Path(tempfile.mkdtemp(prefix="crs-install-", dir="/var/tmp"))
    folder.chmod(0o755)
    (port,) = free_ports(1)
    places = Places(folder, USER, port, {})
    (places.shared / temporary.NAME).mkdir(parents=True)  # another user was there first
    places.shared.chmod(0o1777)
    with Marketplace(people_suffix=SUFFIX) as marketplace:
        written_down(places, marketplace, cluster)
        node = Headnode(places, marketplace, plain_environment(places, cluster))
        forget(node)
        try:
            marketplace.place_order("installed")
            done = node.type(places.script([b for b in blocks() if b.heading != AFTERWARDS]))
            node.code, node.said = done.returncode, done.stdout
            yield node
        finally:
            forget(node)
            with suppress(SandboxError):
                cluster.run("sacctmgr", "-i", "delete", "user", f"name={USER}")
            shutil.rmtree(folder)


def forget(node: Headnode) -> None:
    """End what runs as the agent's user, and remove him."""
    processes.end(node.processes, polite_seconds=10)
    with suppress(KeyError):
        pwd.getpwnam(node.places.user)
        subprocess.run(("userdel", node.places.user), capture_output=True, check=False)
