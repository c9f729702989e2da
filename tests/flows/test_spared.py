"""Runs while slurmdbd is slow: what they leave alone, how they end, and that the next ones go on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flows.breaker_file import BreakerFile
from slurm_io.breaker import Answer, Breaker, Protection, after

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.slurm, pytest.mark.prefect]

SLOW_RETENTION = """\
#!/bin/sh
# sacctmgr, slow with one question: the first of a count.
PATH=${PATH#*:}
case "$*" in *"show configuration"*) sleep 3.2 ;; esac
exec sacctmgr "$@"
"""


def state_file() -> BreakerFile:
    """The site's, in its usual place."""
    folder = Path(".cloudrock-slurm/slurmdbd")
    folder.mkdir(parents=True, exist_ok=True)
    return BreakerFile(folder, pytest.fail)


def opened_at(moment: datetime) -> Breaker:
    """A query hung and opened it."""
    asked = Answer(asked=moment, seconds=120, command=("sacctmgr", "show", "assoc"), failed=True)
    return after(Breaker(), asked, Protection(pause_seconds=600))


def test_while_the_breaker_is_open_a_pull_is_skipped_a_push_fails_and_nothing_is_asked_or_lost(
    site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    item = site.order("patient")
    found = datetime.now(UTC) - timedelta(seconds=150)
    breaker = opened_at(found)
    state_file().change(lambda _: breaker)
    with monkeypatch.context() as without:
        without.setenv("PATH", str(tmp_path))  # no program at all can be found
        pulled, pushed = site.pull(), site.push()
    words = (
        f"slurmdbd has been slow since {found:%Y-%m-%d %H:%M:%S} UTC (the last slow answer: `sacctmgr show "
        f"assoc` failed after 120.0 s): it is left alone, and the next try is at {breaker.until:%H:%M:%S} UTC"
        ". `cloudrock-slurm doctor --reset-breaker` asks it at once"
    )
    assert (pulled.type.value, pulled.name, pulled.message) == ("COMPLETED", "Skipped", f"skipped: {words}")
    assert (pushed.type.value, pushed.message) == ("FAILED", words)
    assert site.item(item)["state"] == "executing"

    state_file().change(lambda _: opened_at(found - timedelta(hours=1)))
    assert site.pull().message == "1 order: 1 done"
    assert state_file().read() == Breaker()


def test_a_breaker_that_opens_in_the_middle_stops_between_two_changes_and_no_account_goes_without_its_usage(
    site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, told: Callable[[], list[Any]]
) -> None:
    first = site.allocation("kept")
    account = site.resource(first)["backend_id"]
    order = site.ask_for("terminate", first)
    (tmp_path / "slow").mkdir()
    program = tmp_path / "slow" / "sacctmgr"
    program.write_text(SLOW_RETENTION)
    program.chmod(0o755)
    told()
    with monkeypatch.context() as slow:
        slow.setenv("PATH", f"{program.parent}:{site.environment['PATH']}")
        slow.setenv("SLURMDBD_SLOW_SECONDS", "1")
        state = site.pull()
    assert state.type.value == "FAILED"
    assert state.message.startswith("1 order: 1 left for the next run; slurmdbd has been slow since ")
    assert (account in site.accounts(), site.item(order)["state"]) == (True, "executing")
    assert site.get(f"marketplace-component-usages/?resource_uuid={site.resource(first)['uuid']}") == []
    (row,) = [row for row in site.artifact("orders") if row["order"] == order]
    assert "it is left alone" in row["reason"]
    (event,) = [one for one in told() if one.event == "cloudrock-slurm.slurmdbd.slow"]
    assert event.payload["openings"] == 1
    assert event.payload["reason"].startswith("`sacctmgr -nP show configuration` took 3.")

    state_file().change(lambda _: opened_at(datetime.now(UTC) - timedelta(hours=1)))
    assert site.pull().message == "1 order: 1 done"
    assert account not in site.accounts()
    assert [one.event for one in told()].count("cloudrock-slurm.slurmdbd.well") == 1
