"""What the demo runs against, in one folder: a SLURM cluster, the stand-in, Prefect's server and worker."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from filelock import FileLock

from sandbox.cloudrock import OfficeClient
from sandbox.inherited import environment as environment_here
from sandbox.prefect_api import PrefectApi
from sandbox.services import Services, answers
from sandbox.slurm import Cluster, SandboxError
from sandbox.slurm.interrupts import uninterrupted
from sandbox.slurm.people import suffix_of
from sandbox.slurm.places import free_ports

CHECKOUT = Path(__file__).parents[1]
FOLDER = CHECKOUT / ".sandbox"
COMPONENTS = Path(__file__).parent / "components.yaml"
"""What the sandbox's offering sells; the seed `playground` has the same."""
SHELL_NAMES = ("PREFECT_HOME", "PREFECT_API_URL")
PREFECT = (sys.executable, "-m", "prefect")
"""Not the console script: this way the flows are the ones of this checkout."""
DEPLOY = (sys.executable, "-m", "cloudrock_slurm.main", "deploy")
WORK_POOL = "headnode"
READY_SECONDS = 90.0
COMMAND_SECONDS = 300.0
PEOPLE = ("crs_ada", "crs_max", "crs_mary")
"""The team of the stand-in's demo project; each sandbox has its own suffix, for OS users belong to all."""
STOPPING_SECONDS = 0.5


@dataclass(slots=True)
class Stack:
    """The whole sandbox. Making the object does nothing; `start` and `stop` do."""

    folder: Path = FOLDER
    cluster: Cluster = field(init=False)
    services: Services = field(init=False)
    prefect_port: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.folder = self.folder.resolve()
        self.cluster = Cluster(self.folder / "slurm", say=lambda line: say(f"  {line}"))
        self.services = Services(self.folder / "services")
        self.prefect_port = int(self.services.recall().get("prefect_port", "0"))

    @property
    def home(self) -> Path:
        """Where Prefect keeps its database and files."""
        return self.services.folder / "prefect"

    @property
    def agent_folder(self) -> Path:
        """Where the agent keeps its state and its reports."""
        return self.services.folder / "agent"

    @property
    def page_url(self) -> str:
        """Where the stand-in's page is: the one address to begin at."""
        return str(self.market["page_url"])

    @property
    def ui_url(self) -> str:
        """Where the Prefect UI is."""
        return f"http://127.0.0.1:{self.prefect_port}"

    @property
    def market(self) -> dict[str, Any]:
        """The stand-in's address, tokens and uuids."""
        loaded: dict[str, Any] = json.loads((self.services.folder / "market.tokens.json").read_text())
        return loaded

    @property
    def office(self) -> OfficeClient:
        """The stand-in's back office."""
        return OfficeClient(self.market["api_url"], self.market["tokens"]["staff"])

    def environment(self) -> dict[str, str]:
        """What Prefect's programs, and through the worker the flows, get to see."""
        api = f"{self.ui_url}/api"
        return {
            "PREFECT_HOME": str(self.home),
            "PREFECT_API_URL": api,
            "PREFECT_SERVER_API_HOST": "127.0.0.1",
            "PREFECT_SERVER_API_PORT": str(self.prefect_port),
            "PREFECT_SERVER_UI_API_URL": api,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
            "PREFECT_WORKER_QUERY_SECONDS": "2",
            "PREFECT_WORKER_WEBSERVER_HOST": "127.0.0.1",
            "PREFECT_SERVER_DEPLOYMENT_CONCURRENCY_SLOT_WAIT_SECONDS": "3",
            "DO_NOT_TRACK": "1",
            "TMPDIR": str(self.home / "tmp"),  # Prefect keeps runner_storage there, one for all users of /tmp
        }

    def agent_environment(self) -> dict[str, str]:
        """The settings of the agent: the provider's token, the demo's offering, the sandbox's cluster."""
        market = self.market
        return {
            **self.cluster.environment,
            **self.environment(),
            "CLOUDROCK_API_URL": market["api_url"],
            "CLOUDROCK_API_TOKEN": market["tokens"]["provider_owner"],
            "CLOUDROCK_OFFERING_UUID": market["offering_uuid"],
            "CLOUDROCK_STATE_DIR": str(self.agent_folder),
            "SLURM_DEPLOYMENT_TYPE": "native",
            "SLURM_TRES_CONFIG_PATH": str(COMPONENTS),
        }

    def shell_environment(self) -> dict[str, str]:
        """What a shell needs to talk to the sandbox's Prefect and SLURM."""
        prefect = {name: value for name, value in self.environment().items() if name in SHELL_NAMES}
        return {**prefect, "SLURM_CONF": self.cluster.environment["SLURM_CONF"]}

    def start(self, *, stays: bool = False) -> None:
        """Start everything; what an earlier crash left is ended first."""
        self.prepare(stays=stays)
        self.start_worker()

    def clear(self) -> None:
        """An empty home and a free port for Prefect; what an earlier process left running is stopped."""
        self.services.stop()
        shutil.rmtree(self.services.folder, ignore_errors=True)
        self.home.mkdir(parents=True, mode=0o700)
        (self.home / "tmp").mkdir()
        (self.prefect_port,) = free_ports(1)
        self.services.remember({"prefect_port": str(self.prefect_port)})

    def prepare(self, *, stays: bool = False) -> None:
        """Everything but the worker, side by side where it can be: nothing runs by itself."""
        self.stop()
        self.clear()
        pool = ThreadPoolExecutor()
        parts = [
            pool.submit(self.cluster.start, stays=stays),
            pool.submit(self.start_market),
            pool.submit(self.start_prefect),
        ]
        try:
            for part in parts:
                part.result()
        finally:
            self.end_starting(parts)
        pool.shutdown()
        self.cast_people()

    def end_starting(self, parts: list[Future[None]]) -> None:
        """After a failure or Ctrl-C: what the other parts wait for is ended, so that they end too."""
        with uninterrupted():
            while wait(parts, timeout=STOPPING_SECONDS).not_done:
                self.services.stop()

    def start_market(self, port: int = 0) -> None:
        """The stand-in, on a database of its own; at a free port, or again at the one it had."""
        database = self.services.folder / "market.sqlite"
        argv = (sys.executable, "-m", "sandbox.cloudrock", "--port", str(port), "--database", str(database))
        seed = ("--seed", "playground", "--people-suffix", self.suffix)
        page = ("--prefect-ui", self.ui_url, "--reports", str(self.agent_folder / "reports"))
        environment = {"MPLCONFIGDIR": str(self.services.folder / "matplotlib")}
        words = (*argv, *seed, *page)
        process = self.services.start("marketplace", *words, environment=environment, cwd=CHECKOUT)
        tokens = self.services.folder / "market.tokens.json"
        self.services.wait(
            "marketplace", process, lambda: b"tokens:" in self.log("marketplace"), READY_SECONDS
        )
        if not tokens.exists():
            raise SandboxError(f"the stand-in wrote no {tokens}")

    def log(self, name: str) -> bytes:
        """What a service has said so far."""
        path = self.services.folder / "logs" / f"{name}.log"
        return path.read_bytes() if path.exists() else b""

    @property
    def api(self) -> PrefectApi:
        """Prefect's server."""
        return PrefectApi(f"{self.ui_url}/api")

    def start_prefect(self) -> None:
        """Prefect's server with its UI, on a database of its own."""
        self.place_database()
        self.serve_prefect()

    def place_database(self) -> None:
        """An empty Prefect database: a copy of one for the checkout and version, which takes long to make."""
        template = FOLDER / f"prefect-{version('prefect')}.sqlite"
        FOLDER.mkdir(exist_ok=True)
        with FileLock(f"{template}.lock"):
            if not template.exists():
                self.prefect("server", "database", "upgrade", "--yes")
                shutil.move(self.home / "prefect.db", template)
        shutil.copy(template, self.home / "prefect.db")

    def serve_prefect(self) -> None:
        """Prefect's server, on the database that is there."""
        argv = (*PREFECT, "server", "start")
        process = self.services.start("prefect-server", *argv, environment=self.environment(), cwd=CHECKOUT)
        self.services.wait(
            "prefect-server", process, lambda: answers(f"{self.ui_url}/api/health"), READY_SECONDS
        )

    def cast_people(self) -> None:
        """OS users for the demo project's team; without root, the person at the terminal joins it."""
        if os.geteuid() == 0:
            self.cluster.add_people(*(name + self.suffix for name in PEOPLE))
            return
        me = getpass.getuser()
        self.office.add_user(username=me, full_name=me)
        self.office.add_member(project=self.market["project_uuid"], user=me, role="admin")

    @property
    def suffix(self) -> str:
        """What the names of this sandbox's OS users end with, so that no two sandboxes want the same."""
        return suffix_of(self.cluster.folder)

    @property
    def person(self) -> str:
        """Who runs jobs."""
        return PEOPLE[0] + self.suffix if os.geteuid() == 0 else getpass.getuser()

    def start_worker(self) -> None:
        """The work pool's worker, with the agent's settings in its environment, and the deployments."""
        self.api.make_work_pool(WORK_POOL)
        self.launch_worker()
        self.run(DEPLOY, "cloudrock-slurm deploy")
        self.wait_for_worker()

    def launch_worker(self) -> None:
        """The worker's process, which takes its time to be ready."""
        argv = (*PREFECT, "worker", "start", "--pool", WORK_POOL, "--type", "process", "--name", "sandbox")
        self.services.start("prefect-worker", *argv, environment=self.agent_environment(), cwd=CHECKOUT)

    def wait_for_worker(self) -> None:
        """Until the worker that was launched is ready."""
        process, said = self.services.started["prefect-worker"], b"Worker 'sandbox' started"
        self.services.wait(
            "prefect-worker", process, lambda: said in self.log("prefect-worker"), READY_SECONDS
        )

    def prefect(self, *arguments: str) -> str:
        """What Prefect's command line prints; an error with its words when it fails."""
        return self.run((*PREFECT, *arguments), f"prefect {' '.join(arguments)}")

    def run(self, argv: tuple[str, ...], name: str) -> str:
        """What a program prints that ends by itself; an error with its words when it fails."""
        try:
            done = subprocess.run(
                argv,
                env={**environment_here(), **self.environment(), **self.services.mark},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=COMMAND_SECONDS,
                check=False,
                cwd=CHECKOUT,
            )
        except subprocess.TimeoutExpired:
            raise SandboxError(f"`{name}` took over {COMMAND_SECONDS:.0f} s") from None
        if done.returncode:
            raise SandboxError(f"`{name}` ended with {done.returncode}:\n{done.stdout.strip()}")
        return done.stdout

    def stop(self) -> None:
        """Stop everything that was started in this folder, whoever started it; the logs stay."""
        (self.services.folder / "stays").unlink(missing_ok=True)
        try:
            self.services.stop()
        finally:
            self.cluster.stop()

    def stay(self) -> None:
        """Note that somebody wants to keep it: the next start is refused, until `stop`."""
        (self.services.folder / "stays").touch()

    def is_up(self) -> bool:
        """Whether somebody keeps it; what a killed start left is not kept."""
        return (self.services.folder / "stays").exists() and self.is_running()

    def is_running(self) -> bool:
        """Whether there is something to stop."""
        return bool(self.services.alive()) or self.cluster.is_running()


def say(line: str) -> None:
    """Where the sandbox reports what it does."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
