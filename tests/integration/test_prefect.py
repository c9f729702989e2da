"""What Prefect's server really does with the deployments of prefect.yaml."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.integration import server_log
from tests.waiting import until

if TYPE_CHECKING:
    from pydantic import BaseModel

pytestmark = [pytest.mark.slurm, pytest.mark.prefect]

ROOT = Path(__file__).parents[2]
LOCKED = "sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) database is locked"
TRACEBACK = "Traceback (most recent call last):"
WHOLE = yaml.safe_load((ROOT / "prefect.yaml").read_text())
DEPLOYMENTS = {entry["name"]: entry for entry in WHOLE["deployments"]}


def load(name: str) -> Any:
    from prefect.flows import load_flow_from_entrypoint  # noqa: PLC0415 - importing Prefect takes seconds

    return load_flow_from_entrypoint(DEPLOYMENTS[name]["entrypoint"])


def on_server(up: Any, name: str) -> dict[str, Any]:
    found: dict[str, Any] = up.ask("GET", f"deployments/name/{load(name).name}/{name}")
    return found


def scheduled(up: Any, name: str) -> list[datetime]:
    """When a deployment's next runs are due; a worker takes a run up to 10 s early, then it is PENDING."""
    chosen = {"deployment_id": {"any_": [on_server(up, name)["id"]]}}
    runs = up.ask("POST", "flow_runs/filter", {"flow_runs": chosen, "sort": "EXPECTED_START_TIME_ASC"})
    now = datetime.now(UTC)
    times = [datetime.fromisoformat(run["expected_start_time"]) for run in runs if run["auto_scheduled"]]
    return [time for time in times if time > now]


def test_orders_are_scheduled_every_two_minutes(up: Any) -> None:
    until(lambda: len(scheduled(up, "every-2-minutes")) > 2, "scheduled pull runs")
    times = scheduled(up, "every-2-minutes")
    assert times[0] - datetime.now(UTC) < timedelta(minutes=2)
    assert {after - before for before, after in pairwise(times)} == {timedelta(minutes=2)}


def test_usage_is_scheduled_hourly_at_a_quarter_past(up: Any) -> None:
    until(lambda: len(scheduled(up, "hourly")) > 2, "scheduled push runs")
    times = [time for time in scheduled(up, "hourly") if time.minute != 50]
    assert {(time.minute, time.second) for time in times} == {(15, 0)}
    assert times[0] - datetime.now(UTC) < timedelta(hours=1)
    assert {after - before for before, after in pairwise(times)} == {timedelta(hours=1)}


def test_drift_is_looked_for_once_a_day_at_a_quiet_hour(up: Any) -> None:
    until(lambda: len(scheduled(up, "daily")) > 1, "scheduled drift checks")
    times = scheduled(up, "daily")
    assert {(time.hour, time.minute, time.second) for time in times} == {(3, 40, 0)}
    assert {after - before for before, after in pairwise(times)} == {timedelta(days=1)}


def test_the_months_last_usage_is_scheduled_ten_minutes_before_its_end() -> None:
    from prefect.server.schemas.schedules import CronSchedule  # noqa: PLC0415 - importing Prefect takes seconds

    (last,) = [one for one in DEPLOYMENTS["hourly"]["schedules"] if one["slug"] == "last-of-the-month"]
    schedule = CronSchedule(cron=last["cron"], timezone=last["timezone"])
    begin = datetime(2027, 12, 31, 23, 51, tzinfo=UTC)
    with ThreadPoolExecutor() as apart:  # a browser's test may have left a loop in this thread
        dates = apart.submit(asyncio.run, schedule.get_dates(3, start=begin)).result()
    turns = [datetime(2028, month, 1, tzinfo=UTC) for month in (2, 3, 4)]
    assert [datetime.fromisoformat(date.isoformat()) for date in dates] == [
        turn - timedelta(minutes=10) for turn in turns
    ]


def test_a_backfill_is_never_scheduled(up: Any) -> None:
    assert scheduled(up, "backfill") == []


def test_what_a_run_did_for_an_order_is_in_its_log_at_info_with_the_order_s_uuid(up: Any) -> None:
    body = {"artifacts": {"key": {"any_": ["orders"]}}}
    tables = sorted(up.ask("POST", "artifacts/filter", body), key=lambda one: one["created"])
    rows = [(one["flow_run_id"], row) for one in tables for row in json.loads(one["data"])]
    run, row = next((run, row) for run, row in rows if row["order"])
    lines = [line for line in up.stack.api.logs(run) if row["account"] in line["message"]]
    assert logging.INFO in {line["level"] for line in lines}
    assert [line["message"] for line in lines if row["order"] not in line["message"]] == []


def test_the_server_logs_no_error_but_a_busy_database(up: Any) -> None:
    text = up.stack.log("prefect-server").decode()
    assert "Check out the dashboard" in text
    assert server_log.errors(text) == []


@pytest.mark.parametrize(
    ("level", "body", "told"),
    [
        (
            "ERROR",
            [TRACEBACK, "sqlite3.OperationalError: database is locked", TRACEBACK, LOCKED, "[SQL: ...]"],
            0,
        ),
        ("ERROR", [TRACEBACK, LOCKED, TRACEBACK, "KeyError: 'pool'"], 1),
        ("ERROR", [TRACEBACK, "sqlite3.OperationalError: no such table: worker"], 1),
        ("ERROR", [], 1),
        ("CRITICAL", ["a word of 'database is locked' that no exception says"], 1),
        ("WARNING", [TRACEBACK, "KeyError: 'pool'"], 0),
    ],
)
def test_an_error_of_the_server_is_one_unless_its_last_exception_is_a_busy_database(
    level: str, body: list[str], told: int
) -> None:
    first = f"00:35:31.070 | {level:<7} | prefect.server.api.workers - Worker channel setup failed"
    after = "00:35:31.071 | INFO    | prefect.server - next"
    lines = ["Check out the dashboard", first, *body, after]
    assert server_log.errors("\n".join(lines)) == ["\n".join([first, *body])] * told


def test_prefect_knows_every_key_of_the_file() -> None:
    """Prefect ignores a key that it does not know, so a misspelt one would say nothing."""
    from prefect.cli.deploy import _models as known  # noqa: PLC0415

    assert unknown(WHOLE, known.PrefectYamlModel) == set()
    for entry in DEPLOYMENTS.values():
        assert unknown(entry, known.DeploymentConfig) == set()
        assert unknown(entry["work_pool"], known.WorkPoolConfig) == set()
        assert unknown(entry["concurrency_limit"], known.ConcurrencyLimitSpec) == set()
        for schedule in entry["schedules"]:
            assert unknown(schedule, known.RawScheduleConfig) == set()
    known.PrefectYamlModel.model_validate(WHOLE)


def unknown(part: dict[str, Any], model: type[BaseModel]) -> set[str]:
    names = {field.alias or name for name, field in model.model_fields.items()}
    return part.keys() - names


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_each_entry_point_takes_the_parameters_of_the_file(name: str) -> None:
    flow = load(name)
    flow.validate_parameters(DEPLOYMENTS[name]["parameters"])
    assert flow.description
    assert flow.fn.__code__.co_filename.startswith(str(ROOT / "flows"))


def test_the_schema_of_the_period_says_what_a_month_looks_like() -> None:
    from prefect.utilities.callables import parameter_schema  # noqa: PLC0415

    (month, nothing) = parameter_schema(load("backfill")).properties["period"]["anyOf"]
    assert (month["type"], nothing["type"]) == ("string", "null")
    assert re.search(month["pattern"], "2026-12")
    assert not re.search(month["pattern"], "2026-13")


def test_the_worker_runs_the_flows_of_this_checkout(up: Any) -> None:
    for name in DEPLOYMENTS:
        found = on_server(up, name)
        step = {"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}}
        assert found["pull_steps"] == [step]


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_the_server_has_what_the_file_says(up: Any, name: str) -> None:
    wanted, found = DEPLOYMENTS[name], on_server(up, name)
    same = ("name", "entrypoint", "description", "tags", "parameters", "enforce_parameter_schema")
    assert {key: found[key] for key in same} == {key: wanted[key] for key in same}
    assert found["work_pool_name"] == wanted["work_pool"]["name"]
    limit = wanted["concurrency_limit"]
    assert found["global_concurrency_limit"]["limit"] == limit["limit"]
    options = {key: limit[key] for key in ("collision_strategy", "grace_period_seconds")}
    assert found["concurrency_options"] == options
    assert len(found["schedules"]) == len(wanted["schedules"])

    def by_slug(schedules: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return sorted(schedules, key=lambda schedule: str(schedule["slug"]))

    for has, wants in zip(by_slug(found["schedules"]), by_slug(wanted["schedules"]), strict=True):
        assert (has["active"], has["slug"]) == (wants["active"], wants["slug"])
        kept = has["schedule"]
        assert kept.get("interval") == wants.get("interval")
        assert kept.get("cron") == wants.get("cron")
        assert kept["timezone"] == wants.get("timezone", "UTC")


def test_the_command_line_runs_a_deployment_with_what_up_told_to_export(up: Any) -> None:
    done = up.prefect("deployment", "run", "push-usage/hourly", "--watch")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Completed" in done.stdout


def test_a_period_that_is_no_month_is_refused_before_anything_runs(up: Any) -> None:
    done = up.prefect("deployment", "run", "push-usage/backfill", "--param", "period=2026-13", "--watch")
    assert done.returncode == 1
    assert "Validation failed for field 'period'" in done.stdout + done.stderr
    assert up.ask("POST", "flow_runs/filter", {"deployments": {"name": {"any_": ["backfill"]}}}) == []


def test_a_backfill_of_a_past_month_in_which_nothing_ran_is_complete_and_names_the_month(up: Any) -> None:
    first = datetime.now(UTC).replace(day=1)
    month = f"{first - timedelta(days=1):%Y-%m}"
    done = up.prefect("deployment", "run", "push-usage/backfill", "--param", f"period={month}", "--watch")
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = up.ask("POST", "flow_runs/filter", {"deployments": {"name": {"any_": ["backfill"]}}})
    assert run["state"]["type"] == "COMPLETED"
    assert month in run["state"]["message"]
