"""The command line, as a person or a service starts it."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from tests.typed import typed

ROOT = Path(__file__).parents[2]
COMPLETE = {
    "CLOUDROCK_API_URL": "https://cloudrock.example.com/api/",
    "CLOUDROCK_API_TOKEN": "0123456789abcdef",
    "CLOUDROCK_OFFERING_UUID": "537bdaa7c001571d8956d0ba30a3726d",
    "SLURM_DEPLOYMENT_TYPE": "native",
    "SLURM_TRES_CONFIG_PATH": str(ROOT / "config-components.yaml"),
}


def started(
    tmp_path: Path, *arguments: str, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`python -m cloudrock_slurm.main` in an empty folder, with nothing but the given environment."""
    bare = {"PYTHONPATH": str(ROOT), "PREFECT_HOME": str(tmp_path), **(environment or {})}
    return typed(*arguments, environment=bare, folder=tmp_path, seconds=60)


@pytest.mark.parametrize("arguments", [(), ("check",)])
def test_missing_settings_are_named_and_the_exit_code_is_2(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    done = started(tmp_path, *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == [
        "CLOUDROCK_API_URL",
        "CLOUDROCK_API_TOKEN",
        "CLOUDROCK_OFFERING_UUID",
        "SLURM_CONTAINER_NAME",
    ]


def test_the_service_needs_a_direction(tmp_path: Path) -> None:
    done = started(tmp_path, environment=COMPLETE)
    assert (done.returncode, done.stderr) == (
        2,
        "CLOUDROCK_SYNC_DIRECTION: missing: expected pull or push\n",
    )


PUSH = {**COMPLETE, "CLOUDROCK_SYNC_DIRECTION": "push"}
NOBODY = {"PREFECT_API_URL": "http://127.0.0.1:9/api"}


@pytest.mark.parametrize(
    ("arguments", "server", "said"),
    [
        ((), {}, "PREFECT_API_URL: missing: expected the address of a Prefect server"),
        (("push", "--once"), NOBODY, "no Prefect server answers at http://127.0.0.1:9/api"),
    ],
)
def test_without_a_prefect_server_there_is_one_line_and_exit_code_2(
    tmp_path: Path, arguments: tuple[str, ...], server: dict[str, str], said: str
) -> None:
    done = started(
        tmp_path, *arguments, environment={**COMPLETE, **server, "CLOUDROCK_SYNC_DIRECTION": "push"}
    )
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_service_says_once_what_does_not_answer_waits_for_it_and_ends_when_told_to(tmp_path: Path) -> None:
    nowhere = {**PUSH, **NOBODY, "CLOUDROCK_API_URL": "http://127.0.0.1:9/api/"}
    service = subprocess.Popen(
        [sys.executable, "-m", "cloudrock_slurm.main"],
        env={
            "PYTHONPATH": str(ROOT),
            "PREFECT_HOME": str(tmp_path),
            **nowhere,
            "CLOUDROCK_SYNC_DIRECTION": "pull",
        },
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert service.stderr
    with service.stderr as said:
        assert said.readline().startswith("the marketplace: ")
        waiting = said.readline()
        assert waiting.startswith("PREFECT_API_URL: no Prefect server answers at http://127.0.0.1:9/api")
        assert waiting.endswith("waiting for one\n")
        service.terminate()
        assert service.wait(30) == -signal.SIGTERM
        assert said.read() == ""


def test_a_check_of_good_settings_says_so(tmp_path: Path) -> None:
    done = started(tmp_path, "check", environment=COMPLETE)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "settings and components are well: cpu, gres/gpu, mem\n"


@pytest.mark.slurm
@pytest.mark.docker
def test_a_check_asks_slurm_in_its_container_too(tmp_path: Path, cluster, docker_engine, container) -> None:
    docker = {
        **COMPLETE,
        **docker_engine.environment,
        "SLURM_CONF": cluster.environment["SLURM_CONF"],
        "SLURM_DEPLOYMENT_TYPE": "docker",
        "SLURM_CONTAINER_NAME": container,
    }
    done = started(tmp_path, "check", environment=docker)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1:] == ["SLURM answers in the container slurm: cluster sandbox"]
    done = started(tmp_path, "check", environment={**docker, "SLURM_CONTAINER_NAME": "nobox"})
    assert done.returncode == 1
    assert done.stderr.startswith("SLURM_CONTAINER_NAME: the Docker engine at unix:///")
    assert len(done.stderr.splitlines()) == 1


def test_a_bad_components_file_is_exit_code_2_too(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("cpu: {}\ncpu: {}\n")
    done = started(tmp_path, "check", environment={**COMPLETE, "SLURM_TRES_CONFIG_PATH": str(file)})
    assert done.returncode == 2
    assert "'cpu' stands here a second time" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("push", "--refresh", "--dry-run"), 2, "--dry-run, --refresh: only with --once"),
        (("pull", "--force"), 2, "--force: only with --once"),
        (("push", "--once", "--period", "2026-13"), 1, "period '2026-13': expected a month as YYYY-MM"),
        (("push", "--once", "--period", "2026-09..2026-08"), 1, "expected a month as YYYY-MM, or a first"),
    ],
)
def test_what_a_run_is_told_is_for_one_run_and_well_formed(
    tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    done = started(tmp_path, *words, environment=COMPLETE)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_service_pushes_when_the_deployments_do() -> None:
    from flows.serving import PUSH_SCHEDULES  # noqa: PLC0415 - Prefect takes seconds

    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    assert {(one.cron, one.timezone, str(one.parameters)) for one in PUSH_SCHEDULES} == {
        (schedule["cron"], schedule["timezone"], str(entry["parameters"]))
        for entry in deployments
        if entry["entrypoint"] == "flows.push.push_usage"
        for schedule in entry["schedules"]
    }


def test_a_served_side_is_not_taken_for_unheard_because_the_machine_s_clock_jumps() -> None:
    from flows.serving import Hearing  # noqa: PLC0415 - Prefect takes seconds

    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    hearing = Hearing(100.0)
    assert hearing.silence(None, 130.0) == 30
    for jump, now in ((0, 140.0), (3, 150.0), (-3, 160.0)):
        assert hearing.silence(noon + timedelta(hours=jump), now) == 0
    assert hearing.silence(noon - timedelta(hours=3), 230.0) == 70


def test_the_help_names_every_command(tmp_path: Path) -> None:
    done = started(tmp_path, "--help")
    assert done.returncode == 0
    for command in (
        "check",
        "deploy",
        "doctor",
        "drift",
        "repair",
        "pull",
        "push",
        "components",
        "report",
        "up",
        "down",
    ):
        assert command in done.stdout


def test_an_unknown_command_is_an_error_without_a_traceback(tmp_path: Path) -> None:
    done = started(tmp_path, "dance")
    assert done.returncode != 0
    assert "Traceback" not in done.stderr + done.stdout
