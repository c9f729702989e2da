"""The one place that talks to a Docker engine: SLURM's commands in a running container.

Docker cannot end what it executes. So each command runs under `timeout` in the container, which ends it even
when we are gone, and carries a mark in its environment by which it is found and ended before that. The
engine's answers are read through requests, for docker-py's own reader can lose what comes with the headers
(docker-py issues 425 and 3332): docs/decisions/0043.
"""

from __future__ import annotations

import contextlib
import math
import re
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

import docker
from docker.errors import APIError, DockerException
from docker.utils import kwargs_from_env

from slurm_io import runner
from slurm_io.errors import SHOWN, SlurmMisconfigured, SlurmUnavailable, UnexpectedSlurmOutput, shown
from slurm_io.parsing_frames import Printed
from slurm_io.runner import CHUNK, DEFAULT_TIMEOUT, LARGEST_STDERR, judged, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from docker.api.client import APIClient

    from slurm_io.commands import Command

ENGINE_TIMEOUT = 30
"""Seconds that the engine may take for any answer but a command's."""
GRACE = 15
"""Seconds after its time in which the container itself ends a command that nobody else could end."""
SETTLING = 3.0
"""Seconds that the engine may take to notice that a container has ended."""
UNNOTICED = 1.5
"""Seconds after which a command may have left a child that held its output open: the engine waits for 2."""
PIECE = 64 * 1024
POLL = 0.05
USUAL_SOCKET = "unix:///var/run/docker.sock"
MARK = "CLOUDROCK_CALL"
"""Names, in the environment of a command and of its children, the call that they belong to."""
END_MARKED = """
for round in 1 2 3 4 5 6 7 8 9 10; do
  found=$(grep -lzsxF -e "$1" /proc/[0-9]*/environ)
  [ -n "$found" ] || exit 0
  for path in $found; do pid=${path#/proc/}; kill -KILL "${pid%/environ}" 2>/dev/null; done
  sleep 0.1
done
exit 1
"""
"""Ends all that carries the mark; several rounds, for something may have been started meanwhile."""
NOT_RUN = re.compile(r"timeout: (?:failed to run command|can't execute) .*: (.+)")
"""What `timeout` says, of coreutils and of busybox, of a program that is not there or cannot be run."""
NOT_STARTED = re.compile(r"OCI runtime exec failed: (.+)")
"""What the engine puts into the output of a command that it could not start."""
KILLED = 128
"""Above it, an exit code tells by which signal the command was ended."""
CANNOT_RUN = (125, 126, 127)


@dataclass(frozen=True, slots=True)
class DockerRunner:
    """Runs commands in a container, as the container's own user, reading nothing.

    `environment` is added to the container's own. `engine` holds Docker's variables (DOCKER_HOST,
    DOCKER_TLS_VERIFY, DOCKER_CERT_PATH); without them it is the engine at Docker's usual socket.
    """

    container: str
    environment: Mapping[str, str]
    engine: Mapping[str, str]

    def run(self, argv: Command, *, timeout: float = DEFAULT_TIMEOUT) -> str:
        """The command's standard output.

        Raises:
            SlurmMisconfigured: the engine may not be used, or the container has no such program.
            SlurmUnavailable: engine or container do not answer, or ceased to while the command ran; it did
                not end in time; or it said that its database does not answer.
            UnexpectedSlurmOutput: it printed without end.
            SlurmCommandFailed: it refused, for any other reason.
        """
        with self.reached() as engine:
            life = self.life(engine)
            mark = secrets.token_hex(16)
            begun = time.monotonic()
            exec_id = self.prepared(engine, argv, mark, timeout)
            try:
                printed = self.followed(engine, exec_id, argv, timeout)
                returncode = self.returncode(engine, exec_id, argv, life)
            except TimeoutError:
                raise too_long(argv, timeout, ended=self.end(engine, mark)) from None
            except BaseException:
                self.end(engine, mark)
                raise
            if time.monotonic() - begun > UNNOTICED:
                self.end(engine, mark)
        return self.found_well(argv, returncode, text_of(printed.output), text_of(printed.words))

    @property
    def address(self) -> str:
        """Where the engine is."""
        return self.engine.get("DOCKER_HOST") or USUAL_SOCKET

    @contextlib.contextmanager
    def reached(self) -> Iterator[APIClient]:
        """The engine; what goes wrong with it becomes an error of the door."""
        try:
            settings = kwargs_from_env(environment=dict(self.engine))
            with contextlib.closing(docker.APIClient(**settings, timeout=ENGINE_TIMEOUT)) as engine:
                yield engine
        except APIError as error:
            raise self.refused(error) from None
        except (DockerException, OSError) as error:
            raise self.unreached(error) from None

    def life(self, engine: APIClient) -> tuple[str, str]:
        """Which container it is and since when it runs.

        Raises:
            SlurmUnavailable: it does not run.
        """
        found = engine.inspect_container(self.container)
        state = found["State"]
        if state["Status"] != "running":
            remedy = "unpause" if state["Paused"] else "start"
            raise SlurmUnavailable(
                f"the container {self.container!r} (SLURM_CONTAINER_NAME) is {state['Status']}: "
                f"`docker {remedy} {self.container}`"
            )
        return found["Id"], state["StartedAt"]

    def prepared(self, engine: APIClient, argv: Command, mark: str, timeout: float) -> str:
        """The engine's id of a command that is ready to be started."""
        seconds = str(math.ceil(timeout) + GRACE)
        return str(
            engine.exec_create(
                self.container,
                ["timeout", "-s", "KILL", seconds, *argv],
                environment={**self.environment, MARK: mark},
            )["Id"]
        )

    def followed(self, engine: APIClient, exec_id: str, argv: Command, timeout: float) -> Printed:
        """What the command prints from its start to its end.

        Raises:
            TimeoutError: it did not end in time.
            SlurmUnavailable: the engine broke off.
            UnexpectedSlurmOutput: it printed without end.
        """
        printed = Printed(runner.LARGEST_OUTPUT + 1, LARGEST_STDERR)
        address = f"{engine.base_url}/v{engine.api_version}/exec/{exec_id}/start"
        asked = {"Detach": False, "Tty": False}
        waits = (ENGINE_TIMEOUT, timeout + ENGINE_TIMEOUT)
        with (
            engine.post(address, json=asked, stream=True, timeout=waits) as response,
            ThreadPoolExecutor(1) as reader,
        ):
            if not response.ok:
                raise APIError(response.text, response=response, explanation=response.text)
            reading = reader.submit(read, response.iter_content(PIECE), printed)
            try:
                reading.result(timeout)
            finally:
                with contextlib.suppress(RuntimeError, OSError):
                    response.raw.shutdown()
        if len(printed.output) > runner.LARGEST_OUTPUT:
            raise UnexpectedSlurmOutput(shown(argv), text_of(printed.output[:CHUNK]), "an end of its output")
        if printed.rest:
            raise self.broken_off(argv)
        return printed

    def end(self, engine: APIClient, mark: str) -> bool:
        """End what is left of a command; False when engine or container do not let us."""
        with contextlib.suppress(DockerException, OSError):
            script = ["sh", "-c", END_MARKED, "sh", f"{MARK}={mark}"]
            exec_id = engine.exec_create(self.container, script)["Id"]
            engine.exec_start(exec_id, detach=True)
            deadline = time.monotonic() + SETTLING
            while (state := engine.exec_inspect(exec_id))["Running"] and time.monotonic() < deadline:
                time.sleep(POLL)
            return bool(state["ExitCode"] == 0)
        return False

    def returncode(self, engine: APIClient, exec_id: str, argv: Command, life: tuple[str, str]) -> int:
        """The exit code of a command that has ended.

        Raises:
            SlurmUnavailable: it was ended because its container was.
        """
        deadline = time.monotonic() + SETTLING
        while True:
            try:
                state = engine.exec_inspect(exec_id)
                code = None if state["Running"] else state["ExitCode"]
                lives = code == 0 or self.life(engine) == life
            except (APIError, SlurmUnavailable):
                lives, code = False, None
            if not lives:
                raise self.broken_off(argv)
            if code is not None and (code <= KILLED or time.monotonic() > deadline):
                return int(code)
            if time.monotonic() > deadline:
                raise self.broken_off(argv)
            time.sleep(POLL)

    def found_well(self, argv: Command, returncode: int, output: str, words: str) -> str:
        """The output of a command that worked; the right error for one that did not."""
        if returncode in CANNOT_RUN and (found := NOT_RUN.search(words)):
            raise SlurmMisconfigured(
                f"the SLURM command {argv[0]!r} cannot be run in the container {self.container!r} "
                f"({found[1]}): install SLURM's client commands in it, or name another one in "
                "SLURM_CONTAINER_NAME"
            )
        if returncode in CANNOT_RUN and (found := NOT_STARTED.search(output)):
            if "executable file not found" in found[1]:
                raise SlurmMisconfigured(
                    f"the container {self.container!r} has no `timeout`, under which SLURM's commands are "
                    "run: install coreutils in it"
                )
            raise SlurmUnavailable(
                f"the container {self.container!r} could not start `{shown(argv)}`: {found[1][:SHOWN]}"
            )
        return judged(argv, returncode, output, words)

    def broken_off(self, argv: Command) -> SlurmUnavailable:
        """The engine or the container went away under a command."""
        return SlurmUnavailable(
            f"the container {self.container!r} was stopped or restarted, or its engine was, while "
            f"`{shown(argv)}` ran in it: what the command did shows when the cluster is read again"
        )

    def refused(self, error: APIError) -> SlurmUnavailable | SlurmMisconfigured:
        """What the engine itself answers instead of doing something."""
        said = " ".join(str(error.explanation or error).split())[:SHOWN]
        if error.status_code == HTTPStatus.NOT_FOUND:
            return SlurmUnavailable(
                f"SLURM_CONTAINER_NAME: the Docker engine at {self.address} has no container "
                f"{self.container!r}: start it, or name one that `docker ps` shows ({said})"
            )
        if error.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return SlurmMisconfigured(f"the Docker engine at {self.address} denies its use: {said}")
        return SlurmUnavailable(
            f"the Docker engine at {self.address} could do nothing in {self.container!r}: {said}"
        )

    def unreached(self, error: DockerException | OSError) -> SlurmUnavailable | SlurmMisconfigured:
        """No answer, or nothing to ask."""
        causes = [one for one in chain(error) if isinstance(one, OSError)]
        denied = next((one for one in causes if isinstance(one, PermissionError)), None)
        if denied:
            return SlurmMisconfigured(
                f"this account may not use the Docker engine at {self.address} ({denied.strerror}): add it "
                "to the group that owns the socket (`usermod -aG docker ACCOUNT`) and start the agent anew"
            )
        if causes:
            return SlurmUnavailable(
                f"no Docker engine answers at {self.address} ({causes[-1].strerror or causes[-1]}): start it "
                "(`systemctl start docker`), or say in DOCKER_HOST where it is"
            )
        return SlurmMisconfigured(f"DOCKER_HOST: {self.address!r} cannot be used: {error}")


def read(pieces: Iterable[bytes], printed: Printed) -> None:
    """Keep what is printed, up to its bound."""
    for piece in pieces:
        printed.take(piece)
        if len(printed.output) > runner.LARGEST_OUTPUT:
            return


def too_long(argv: Command, timeout: float, *, ended: bool) -> SlurmUnavailable:
    """The command did not end by itself."""
    fate = "was stopped" if ended else f"cannot be stopped now: its container does that {GRACE} s later"
    return SlurmUnavailable(f"`{shown(argv)}` did not end within {timeout:g} s and {fate}")


def chain(error: BaseException) -> Iterator[BaseException]:
    """An error and those that it came from, as docker-py, requests and urllib3 each wrap them."""
    yield error
    for inner in (error.__cause__, getattr(error, "reason", None), *error.args):
        if isinstance(inner, BaseException):
            yield from chain(inner)
            return
