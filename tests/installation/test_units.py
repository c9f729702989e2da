"""systemd's own word on the units."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cloudrock_slurm.templates import site_files
from sandbox.slurm.packages import install_missing
from tests.own_folder import ROOT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slurm


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """As init writes them: what they start is there."""
    install_missing(lambda line: sys.stderr.write(f"{line}\n"), {"systemd-analyze": "systemd"})
    folder = tmp_path_factory.mktemp("units")
    for file in site_files(folder, "cloudrock"):
        if file.name.suffix == ".service":
            (folder / file.name.name).write_text(file.text)
    return sorted(folder.glob("*.service"))


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    command = (shutil.which("systemd-analyze") or "systemd-analyze", *words)
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_systemd_has_nothing_to_say_about_the_units(units: list[Path]) -> None:
    assert len(units) == 4
    done = analyze("verify", *map(str, units))
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "cloudrock" in line]
    assert (done.returncode, ours) == (0, [])


def test_the_exposure_of_the_units_is_what_the_page_says(units: list[Path]) -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    for unit in units:
        done = analyze("security", "--offline=true", "--threshold=20", str(unit))
        assert done.returncode == 0, done.stdout
        score = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
        assert score
        name = (
            unit.stem
            if unit.stem.endswith(("prefect", "worker"))
            else unit.stem.replace("cloudrock-slurm", "")
        )
        assert re.search(rf"^\|.*`{name}`.* \| {score[1]} \|$", page, re.MULTILINE), (name, score[1])
