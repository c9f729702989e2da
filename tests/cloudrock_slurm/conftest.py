"""The doctor's patient: good settings beside a behaving marketplace, in a folder of its own."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.cloudrock import Marketplace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OURS = ("CLOUDROCK_", "SLURM_", "SYNC_", "PREFECT_API")
FILE = """\
cpu: {limit: 600, measured_unit: minutes, accounting_type: usage, label: CPU}
gres/gpu: {limit: 60, measured_unit: minutes, accounting_type: usage, label: GPU}
mem: {limit: 600, measured_unit: MB-minutes, accounting_type: usage, label: RAM}
"""


@pytest.fixture(scope="module")
def marketplace() -> Iterator[Marketplace]:
    """One for a file: making it takes a second; `patient` puts back what tests change."""
    with Marketplace() as running:
        yield running


@pytest.fixture
def patient(
    marketplace: Marketplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Marketplace]:
    """Good settings in a folder of their own, and no Prefect server."""
    for name in os.environ:
        if name.startswith(OURS):
            monkeypatch.delenv(name)
    settings = {
        "CLOUDROCK_API_URL": marketplace.api_url,
        "CLOUDROCK_API_TOKEN": marketplace.tokens["provider_owner"],
        "CLOUDROCK_OFFERING_UUID": marketplace.offering_uuid,
        "SLURM_DEPLOYMENT_TYPE": "native",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "config-components.yaml").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    yield marketplace
    marketplace.office.reset_clock()
    marketplace.office.set_token_lifetime(marketplace.users["provider_owner"], None)


@pytest.fixture
def doctor(
    patient: Marketplace, capsys: pytest.CaptureFixture[str]
) -> Callable[[], dict[str, dict[str, Any]]]:
    """The findings by check; the worst one where a check has several."""
    del patient

    def examined() -> dict[str, dict[str, Any]]:
        from cloudrock_slurm.doctor import doctor  # noqa: PLC0415 - Prefect takes seconds

        code = doctor(as_json=True)
        told = json.loads(capsys.readouterr().out)
        levels = [one["level"] for one in told["findings"]]
        assert code == (2 if "error" in levels else 1 if "warning" in levels else 0)
        assert told["level"] == ("error" if "error" in levels else "warning" if "warning" in levels else "OK")
        return {one["check"]: one for one in reversed(told["findings"])}

    return examined
