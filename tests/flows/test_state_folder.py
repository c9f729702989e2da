"""What is in the agent's folder the agent may read and write, also after a command that root ran."""

from __future__ import annotations

import os
import shutil
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from allocations.billing import BillingPeriod
from allocations.days import Correction
from flows.corrections import remember, remembered
from flows.lock import one_at_a_time
from flows.settings import SettingsError
from flows.state_folder import accessible, writable
from sandbox.slurm import PastJob
from tests.own_folder import person
from tests.rights import NOBODY, somebody_without_rights

if TYPE_CHECKING:
    from collections.abc import Iterator

MONTH = BillingPeriod.containing(datetime.now(UTC))
AGENT = NOBODY if os.geteuid() == 0 else os.geteuid()
"""Whose the folder is."""
CORRECTION = Correction(date(2026, 11, 3), "hpc_a", "cpu", 10, 5)


@pytest.fixture
def folder() -> Iterator[Path]:
    """The agent's, where everybody gets to."""
    above = Path(tempfile.mkdtemp(dir="/var/tmp"))
    above.chmod(0o755)
    made = above / "state"
    made.mkdir(mode=0o700)
    os.chown(made, AGENT, -1)
    yield made
    shutil.rmtree(above)


def owners(folder: Path) -> set[int]:
    return {path.lstat().st_uid for path in folder.rglob("*")}


@pytest.mark.slurm
@pytest.mark.prefect
def test_runs_of_root_leave_nothing_of_root_s(site, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cloudrock_slurm.components import components  # noqa: PLC0415 - fast tests do without
    from cloudrock_slurm.doctor import doctor  # noqa: PLC0415 - the same

    monkeypatch.setenv("CLOUDROCK_STATE_DIR", str(folder))
    monkeypatch.setenv("SLURMDBD_SLOW_SECONDS", "0.0001")  # each answer is slow, so the breaker is kept too
    monkeypatch.setenv("SLURMDBD_PAUSE_SECONDS", "0")
    item = site.allocation("by root")
    start = MONTH.previous.start
    account = site.resource(item)["backend_id"]
    job = PastJob(account, person("ada"), start, start + timedelta(seconds=60), tres={"cpu": 4})
    site.cluster.insert_jobs([job])
    site.push()
    site.push(str(MONTH.previous))
    components(apply=True)
    doctor(as_json=True)
    remember(folder, MONTH, [CORRECTION])
    names = {path.name for path in folder.rglob("*")}
    assert names >= {"audit", "corrections", "reports", "usage", "writer-native.lock", "components.sha256"}
    assert owners(folder) == {AGENT}


def test_a_folder_below_folders_that_are_missing_is_the_agent_s_with_all_of_them(folder: Path) -> None:
    writable(folder / "alpha" / "usage" / "of one")
    assert len(list(folder.rglob("*"))) == 3
    assert owners(folder) == {AGENT}


def test_a_file_that_another_user_made_is_named_with_what_mends_it(folder: Path) -> None:
    writable(folder / "corrections")
    for name in ("telling.lock", f"corrections/{MONTH}.jsonl"):
        (folder / name).touch()
        (folder / name).chmod(0o000)
        if os.geteuid() == 0:
            os.chown(folder / name, 0, -1)
    with somebody_without_rights():
        with pytest.raises(SettingsError, match=r"telling\.lock' \(Permission denied\).*: chown \w+ /"):
            one_at_a_time(folder, "telling").__enter__()
        with pytest.raises(SettingsError, match=rf"corrections/{MONTH}\.jsonl' \(Permission denied\)"):
            remembered(folder, MONTH)


def test_waiting_in_vain_is_no_refusal(folder: Path) -> None:
    with pytest.raises(TimeoutError), accessible(folder / "file"):
        raise TimeoutError
