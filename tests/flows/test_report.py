"""A month explained on real parts: in the terminal, in files, and in a page that a browser shows."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from allocations.billing import BillingPeriod
from cloudrock_slurm.report import report
from sandbox.slurm import PastJob
from tests.own_folder import person

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slurm, pytest.mark.prefect]

MONTH = BillingPeriod.containing(datetime.now(UTC))
NAME = "<b>Genomics</b> & $x_1$"


@pytest.fixture
def allocation(site) -> str:
    """An order that has been carried out, used and reported; its order item."""
    item = site.order(NAME)
    assert site.pull().type.value == "COMPLETED"
    account = site.resource(item)["backend_id"]
    tres = {"cpu": 4, "mem": 1024, "node": 1, "gres/gpu": 1}
    jobs = [
        PastJob(account, person(name), MONTH.start, MONTH.start + timedelta(seconds=seconds), tres=tres)
        for name, seconds in (("ada", 3600), ("max", 1800))
    ]
    site.cluster.insert_jobs(jobs)
    assert site.push().type.value == "COMPLETED"
    return item


def test_a_month_is_explained_in_every_form(
    site, allocation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = {kind: tmp_path / f"usage.{kind}" for kind in ("csv", "json", "parquet", "html")}
    assert report(period=str(MONTH), **paths) == 0
    screen = capsys.readouterr().out
    assert f"usage of {MONTH}" in screen
    assert "60.0%" in screen.replace("\n", "")  # 360 of the 600 minutes of the file's cpu limit
    csv = pd.read_csv(paths["csv"], keep_default_na=False)
    billed = csv[csv["user"] == ""].set_index("component")
    assert dict(billed["amount"].astype(int)) == {"cpu": 360, "gres/gpu": 90, "mem": 92160}
    assert (billed["amount"].astype(str) == billed["held"]).all()
    assert csv[csv["user"] == person("ada")]["amount"].astype(int).tolist() == [240, 60, 61440]
    assert len(pd.read_parquet(paths["parquet"])) == len(csv) == 9
    document = json.loads(paths["json"].read_text())
    assert (document["period"], len(document["usage"])) == (str(MONTH), 9)


def test_one_allocation_may_be_chosen_and_an_unknown_one_is_said(
    site, allocation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(allocation=site.resource(allocation)["backend_id"]) == 0
    assert report(allocation="hpc_nobody") == 2
    assert report(period="2099-01") == 2
    assert report(period="november") == 2
    errors = capsys.readouterr().err.splitlines()
    assert errors[0].startswith("allocation 'hpc_nobody': expected the account")
    assert errors[1:] == [
        "period 2099-01: it has not begun",
        "period 'november': expected a month as YYYY-MM, such as 2026-09",
    ]


def test_a_file_that_cannot_be_written_is_said(
    site, allocation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(csv=tmp_path / "nowhere" / "usage.csv") == 2
    assert report(csv=tmp_path) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert (
        first == f"{tmp_path}/nowhere/usage.csv: cannot be written: expected a path in a folder that exists"
    )
    assert second.startswith("the report cannot be written: ")


def looked_at(path: Path) -> tuple[list[str], list[str]]:
    """What Chromium asks for and says when it shows the page; runs in a thread without an event loop."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only here

    asked: list[str] = []
    said: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        shown = browser.new_page()
        shown.on("request", lambda request: asked.append(request.url))
        shown.on("console", lambda message: said.append(message.text))
        shown.goto(path.as_uri())
        assert shown.title() == f"Usage of {MONTH}"
        assert NAME in shown.inner_text("body")
        assert (shown.locator("section svg").count(), shown.locator("table.bars").count()) == (3, 6)
        assert all(one.bounding_box()["height"] > 60 for one in shown.locator("section > svg").all())
        rows = shown.locator("section").first.locator("tbody tr")
        cells = [row.locator("td").all_inner_texts() for row in rows.all()]
        assert [(row[2], row[3], row[5]) for row in cells] == [
            *(("cpu", "360", "360"), ("gres/gpu", "90", "90"), ("mem", "92,160", "92,160")),
        ]
        assert all(one.bounding_box()["width"] > 1 for one in shown.locator("table.bars i").all())
        browser.close()
    return asked, said


@pytest.mark.browser
def test_the_page_of_a_run_stands_alone_and_shows_names_as_text(site, allocation, tmp_path: Path) -> None:
    from sandbox.slurm.packages import install_missing  # noqa: PLC0415 - only here

    install_missing(print, {"chromium": "chromium"})
    (path,) = (tmp_path / ".cloudrock-slurm" / "reports").glob("*.html")
    assert path.name == f"usage-{MONTH}.html"
    with ThreadPoolExecutor() as apart:
        asked, said = apart.submit(looked_at, path).result()
    assert asked == [path.as_uri()]
    assert said == []


def test_a_month_is_told_though_its_page_cannot_be_drawn(site, monkeypatch: pytest.MonkeyPatch) -> None:
    item = site.order("told")
    assert site.pull().type.value == "COMPLETED"
    monkeypatch.setenv("MPLBACKEND", "nonsense")
    code, said, _ = site.command("push", "--once")
    assert code == 1
    assert "1 allocation sent" in said
    assert "the month's page could not be drawn (ValueError: Key backend: 'nonsense'" in said
    assert site.usage(item) == {"cpu": 0, "gres/gpu": 0, "mem": 0}
