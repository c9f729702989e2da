"""What `deploy` reads is checked to the last key: Prefect would pass over a misspelt one and say nothing."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.deployments.servers import variables_of
from tests.own_folder import ROOT

if TYPE_CHECKING:
    from pathlib import Path

DEPLOYMENTS = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
AUTOMATIONS = yaml.safe_load((ROOT / "deployments" / "automations.yaml").read_text())["automations"]
ENV_FILES = ("prefect-server.env", "prefect-server-postgresql.env", "prefect-basic-auth.env")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("schedules: []", "shedules: []", "deployments.3.shedules: Extra inputs are not permitted"),
        ("name: headnode", "nane: headnode", "deployments.0.work_pool.nane: Extra inputs are not permitted"),
        (
            "limit: 1, ",
            "limits: 1, ",
            "deployments.0.concurrency_limit.limits: Extra inputs are not permitted",
        ),
        ("interval: 120,", "every: 120,", "deployments.0.schedules.0.every: Extra inputs are not permitted"),
        ("interval: 120, ", "", "deployments.0.schedules.0: Value error, expected interval or cron"),
        ('"40 3 * * *"', '"40 3 * *"', "deployments.4.schedules.0.cron: Value error, Invalid cron string"),
        ("timezone: UTC", "timezone: Mars", "deployments.0.schedules.0: Value error, Invalid timezone"),
        ("build: null", "biuld: null", "biuld: Extra inputs are not permitted"),
        ("    description: ", "    descripton: ", "deployments.0.description: Field required"),
        (
            "flows.pull.pull_orders",
            "flows.pull.pull",
            "every-2-minutes: entrypoint 'flows.pull.pull': expected",
        ),
        (
            "flows.pull.pull_orders",
            "flows.gone.pull",
            "every-2-minutes: entrypoint 'flows.gone.pull': expected",
        ),
        ("{refresh: true}", "{refresh: maybe}", "refresh: parameters the flow does not take: "),
        ("{refresh: true}", "{fresh: true}", "refresh: parameters the flow does not take: "),
    ],
)
def test_a_mistake_in_prefect_yaml_is_named_by_its_place(
    tmp_path: Path, before: str, after: str, said: str
) -> None:
    from flows.deployment_files import read_deployments  # noqa: PLC0415 - Prefect takes seconds
    from flows.settings import SettingsError  # noqa: PLC0415 - the same

    text = (ROOT / "prefect.yaml").read_text()
    assert before in text
    file = tmp_path / "prefect.yaml"
    file.write_text(text.replace(before, after))
    with pytest.raises(SettingsError) as caught:
        read_deployments(file)
    assert f"{file}: {said}" in str(caught.value)
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("    trigger:\n", "    triger:\n", "trigger: Field required"),
        ("within: 90", "withn: 90", "Prefect knows no trigger.withn"),
        ("for_each: [prefect.resource.id]", "foreach: []", "Prefect knows no trigger.foreach"),
        ("state: CRASHED", "state: DEAD", "state: Input should be 'SCHEDULED'"),
        ("within: 90", "within: 5", "within"),
        ("    description: >-", "    discription: >-", "Prefect knows no discription"),
        ("automations:\n", "automatons:\n", "expected one key, automations, with a list of them"),
        ("automations:\n", "automations: [\n", "not YAML that can be read"),
    ],
)
def test_a_mistake_in_the_automations_is_named(tmp_path: Path, before: str, after: str, said: str) -> None:
    from flows.deployment_files import read_automations  # noqa: PLC0415 - Prefect takes seconds
    from flows.settings import SettingsError  # noqa: PLC0415 - the same

    text = (ROOT / "deployments" / "automations.yaml").read_text()
    assert before in text
    file = tmp_path / "automations.yaml"
    file.write_text(text.replace(before, after, 1))
    with pytest.raises(SettingsError) as caught:
        read_automations({}, file)
    assert str(caught.value).startswith(f"{file}: ")
    assert said in str(caught.value)


def test_a_file_that_is_not_there_is_named_with_what_to_do(tmp_path: Path) -> None:
    from flows.deployment_files import read_deployments  # noqa: PLC0415 - Prefect takes seconds
    from flows.settings import SettingsError  # noqa: PLC0415 - the same

    with pytest.raises(SettingsError, match=r"no \S+ in this folder \(No such file.*: expected the checkout"):
        read_deployments(tmp_path / "prefect.yaml")


def test_every_deployment_says_everything_about_itself() -> None:
    for entry in DEPLOYMENTS:
        assert {"description", "tags", "work_pool", "parameters", "concurrency_limit", "schedules"} <= set(
            entry
        )
        assert entry["tags"][0] == "cloudrock-slurm"
        assert entry["work_pool"]["work_queue_name"] in ("orders", "usage", "background")
        assert entry["work_pool"]["job_variables"] == {"env": {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}}
        assert all({"timezone", "slug", "active"} <= set(schedule) for schedule in entry["schedules"])


def test_a_run_is_taken_for_killed_after_three_heartbeats_and_never_after_one_of_its_ends() -> None:
    """A custom name of a final state is an event of its own."""
    (zombies,) = [one for one in AUTOMATIONS if one["trigger"].get("posture") == "Proactive"]
    assert zombies["trigger"]["within"] == 3 * 30
    source = "".join(path.read_text() for path in (ROOT / "flows").glob("*.py"))
    named = re.findall(r'(?:Completed|Failed|Cancelled)\(name=(\w+|"\w+")', source)
    ends = {{"DRIFT": "Drift"}.get(one, one.strip('"')) for one in named}
    assert ends == {"Drift", "Skipped"}
    plain = {"Completed", "Failed", "Crashed", "Cancelled", "TimedOut", "Cancelling", "heartbeat"}
    assert set(zombies["trigger"]["expect"]) == {f"prefect.flow-run.{name}" for name in ends | plain}


def test_every_automation_can_be_told_to_be_ours_and_says_what_it_is_for() -> None:
    assert all(one["name"].startswith("cloudrock-slurm: ") and one["description"] for one in AUTOMATIONS)
    assert len({one["name"] for one in AUTOMATIONS}) == len(AUTOMATIONS)


def test_the_automations_wait_for_events_of_ours_that_there_are() -> None:
    from flows.events import KINDS  # noqa: PLC0415 - Prefect takes seconds

    waited_for = {name for one in AUTOMATIONS for name in one["trigger"]["expect"]}
    ours = {name for name in waited_for if name.startswith("cloudrock-slurm.")}
    assert ours < {kind.name for kind in KINDS}
    text = (ROOT / "deployments" / "automations.yaml").read_text()
    keys = {key for kind in KINDS for key in kind.payload}
    assert set(re.findall(r"event\.payload\.(\w+)", text)) <= keys


@pytest.mark.parametrize("file", ENV_FILES)
def test_prefect_knows_every_variable_of_the_examples(file: str) -> None:
    from prefect import settings  # noqa: PLC0415 - Prefect takes seconds

    named = set(variables_of(file)) - {"DO_NOT_TRACK"}
    assert {name for name in named if not hasattr(settings, name)} == set()
    assert named


@pytest.mark.parametrize("file", sorted(path.name for path in (ROOT / "deployments").glob("*.env")))
def test_a_shell_reads_an_env_file_as_systemd_does(file: str) -> None:
    script = f'set -a; . "{ROOT / "deployments" / file}"; env -0'
    done = subprocess.run(["/bin/sh", "-ec", script], capture_output=True, text=True, check=False, env={})
    assert done.stderr == ""
    read = dict(pair.split("=", 1) for pair in done.stdout.split("\0") if pair)
    assert variables_of(file).items() <= read.items()
