"""The house keeps its single owners: who may import what is a fact of the source text."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("allocations", "cloudrock_io", "cloudrock_slurm", "flows", "sandbox", "slurm_io")
OWNERS = {
    r"^\s*(import|from) prefect\b": ("flows/", "cloudrock_slurm/"),
    r"^\s*(import|from) subprocess\b": ("slurm_io/runner.py", "sandbox/"),
    r"^\s*(import|from) docker\b": ("slurm_io/runner_docker.py", "sandbox/docker/"),
    r"\bos\.environ\b|\bos\.getenv\b": ("flows/settings.py", "sandbox/inherited.py"),
    r"^\s*(import|from) (requests|urllib3|cloudrock_client)\b": ("cloudrock_io/",),
}


def sources() -> list[Path]:
    return [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]


@pytest.mark.parametrize(("pattern", "owners"), OWNERS.items())
def test_what_has_one_owner_is_used_nowhere_else(pattern: str, owners: tuple[str, ...]) -> None:
    strangers = [
        str(path.relative_to(ROOT))
        for path in sources()
        if re.search(pattern, path.read_text(), re.MULTILINE)
        and not str(path.relative_to(ROOT)).startswith(owners)
    ]
    assert strangers == []


def test_no_source_file_is_longer_than_300_lines() -> None:
    tests = [path for path in (ROOT / "tests").rglob("*.py") if "captured" not in path.parts]
    files = [*sources(), *tests]
    assert [str(p.relative_to(ROOT)) for p in files if len(p.read_text().splitlines()) > 300] == []


def test_a_pull_with_nothing_to_do_loads_neither_the_tables_nor_docker_s_sdk() -> None:
    """It runs every two minutes, and they would take a quarter of its time."""
    code = "import sys, flows.pull, cloudrock_slurm.main, cloudrock_slurm.plan; print(*sys.modules)"
    done = subprocess.run((sys.executable, "-c", code), cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"pandas", "pyarrow", "numpy", "docker"} & set(done.stdout.split()) == set()
