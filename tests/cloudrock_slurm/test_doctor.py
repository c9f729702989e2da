"""`cloudrock-slurm doctor` beside a behaving marketplace, on a host without SLURM's commands."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox.cloudrock import Marketplace

AREAS = ("settings", "marketplace", "SLURM", "Prefect")
FILE = """\
cpu: {limit: 600, measured_unit: minutes, accounting_type: usage, label: CPU}
"""


@pytest.fixture(autouse=True)
def without_slurm_and_prefect(
    monkeypatch: pytest.MonkeyPatch, patient: Marketplace, tmp_path: Path
) -> Iterator[None]:
    """Other tests of this process may have a Prefect server."""
    from prefect.settings import PREFECT_API_URL, temporary_settings  # noqa: PLC0415 - it takes seconds

    monkeypatch.setenv("PATH", str(tmp_path))
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        yield


def of(findings: dict[str, dict[str, Any]], area: str) -> dict[str, str]:
    """Check to level, of one part of the patient."""
    return {check: one["level"] for check, one in findings.items() if one["area"] == area}


def test_all_is_well_with_a_good_marketplace_whatever_is_with_the_rest(doctor: Any) -> None:
    findings = doctor()
    assert set(of(findings, "marketplace").values()) == {"OK"}
    assert set(of(findings, "settings").values()) == {"OK"}
    assert of(findings, "SLURM")["commands"] == "error"
    assert findings["slurmdbd"]["found"].endswith("SLURM's commands cannot be run")
    assert findings["server"]["found"] == "PREFECT_API_URL is not set"
    assert of(findings, "Prefect")["deployments"] == "warning"


def test_a_prefect_server_that_does_not_answer_is_an_error(doctor: Any) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings  # noqa: PLC0415

    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        findings = doctor()
    assert findings["server"]["level"] == "error"
    assert "Connection refused" in findings["server"]["found"]


def test_missing_settings_do_not_hide_the_state_of_prefect(
    doctor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CLOUDROCK_API_TOKEN")
    findings = doctor()
    assert (
        findings["settings"]["found"] == "CLOUDROCK_API_TOKEN: missing: expected the user's token, one word"
    )
    assert (findings["reachable"]["level"], findings["server"]["level"]) == ("warning", "error")


def test_a_bad_components_file_hides_nothing_of_the_marketplace(doctor: Any, tmp_path: Path) -> None:
    (tmp_path / "config-components.yaml").write_text("cpu: 7\n")
    findings = doctor()
    assert findings["components file"]["level"] == "error"
    assert "component 'cpu'" in findings["components file"]["found"]
    levels = of(findings, "marketplace")
    assert levels.pop("offering's components") == "warning"
    assert set(levels.values()) == {"OK"}


def test_a_wrong_token_is_told_from_a_marketplace_that_is_down(
    doctor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDROCK_API_TOKEN", "0" * 40)
    findings = doctor()
    assert (findings["reachable"]["level"], findings["token"]["level"]) == ("OK", "error")
    assert "Invalid token" in findings["token"]["found"]
    assert findings["clock"]["level"] == "OK"
    assert findings["offering"]["level"] == "warning"
    monkeypatch.setenv("CLOUDROCK_API_URL", "http://127.0.0.1:9/api/")
    findings = doctor()
    assert findings["reachable"]["level"] == "error"
    assert {of(findings, "marketplace")[check] for check in ("token", "clock", "plan")} == {"warning"}


def test_an_address_that_is_none_is_an_error_of_the_settings(
    doctor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDROCK_API_URL", "https://user@cloudrock.example.com/api/")
    assert doctor()["reachable"]["level"] == "error"


def test_a_token_that_expires_unused_is_a_warning(doctor: Any, patient: Marketplace) -> None:
    patient.office.set_token_lifetime(patient.users["provider_owner"], 3600)
    assert doctor()["token's lifetime"]["found"] == "expires after 3600 s without use"


@pytest.mark.parametrize(("minutes", "level"), [(0, "OK"), (-2, "warning"), (60, "error")])
def test_the_clocks_are_compared(doctor: Any, patient: Marketplace, minutes: int, level: str) -> None:
    patient.office.set_clock(datetime.now(UTC) + timedelta(minutes=minutes))
    assert doctor()["clock"]["level"] == level


def test_components_that_differ_from_the_file_are_named(doctor: Any, tmp_path: Path) -> None:
    more = "gres/fpga: {limit: 1, measured_unit: minutes, accounting_type: limit, label: FPGA}\n"
    (tmp_path / "config-components.yaml").write_text(FILE + more)
    found = doctor()["offering's components"]
    assert (found["level"], found["mend"]) == ("error", "cloudrock-slurm components --apply")
    assert found["found"] == "+ component gres/fpga"


def test_an_offering_that_is_not_ours_is_told_from_a_token_that_is_wrong(
    doctor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDROCK_OFFERING_UUID", "0" * 32)
    findings = doctor()
    assert (findings["token"]["level"], findings["offering"]["level"]) == ("OK", "error")
    assert "hpc-owner an owner" in findings["offering"]["mend"]


def test_who_only_manages_the_offering_cannot_complete_orders(
    doctor: Any, patient: Marketplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert doctor()["token's role"]["found"] == "owner of the provider's organisation"
    monkeypatch.setenv("CLOUDROCK_API_TOKEN", patient.tokens["provider_manager"])
    assert doctor()["token's role"]["level"] == "error"


def test_freeipa_names_need_a_staff_token(
    doctor: Any, patient: Marketplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDROCK_SLURM_USERNAME_SOURCE", "freeipa")
    assert doctor()["token's role"]["level"] == "warning"
    monkeypatch.setenv("CLOUDROCK_API_TOKEN", patient.tokens["staff"])
    role = doctor()["token's role"]
    assert (role["level"], role["found"][-5:]) == ("OK", "staff")


def test_the_terminal_gets_a_table_for_each_part_and_the_token_is_in_none(
    patient: Marketplace, capsys: pytest.CaptureFixture[str]
) -> None:
    from cloudrock_slurm.doctor import doctor  # noqa: PLC0415 - Prefect takes seconds

    assert doctor() == 2
    shown = capsys.readouterr().out
    areas = [line.strip() for line in shown.splitlines() if line.strip() in AREAS]
    assert areas == list(AREAS)
    assert "mend: " in shown
    assert patient.tokens["provider_owner"] not in shown


@pytest.mark.parametrize(
    ("variable", "address", "bypass", "proxied"),
    [
        ("HTTPS_PROXY", "http://127.0.0.1:4200/api", "", True),
        ("http_proxy", "http://localhost:4200/api", "", True),
        ("ALL_PROXY", "http://127.0.0.1:4200/api", "example.com", True),
        ("HTTPS_PROXY", "http://127.0.0.1:4200/api", "127.0.0.1,localhost", False),
        ("HTTPS_PROXY", "https://prefect.example.com/api", "", False),
        ("FTP_PROXY", "http://127.0.0.1:4200/api", "", False),
    ],
)
def test_a_proxy_that_would_be_asked_for_the_server_on_this_host_is_found(
    monkeypatch: pytest.MonkeyPatch, variable: str, address: str, bypass: str, *, proxied: bool
) -> None:
    from flows.examining_prefect import is_proxied  # noqa: PLC0415 - Prefect takes seconds

    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv(variable, "http://proxy.example.com:3128")
    monkeypatch.setenv("NO_PROXY", bypass)
    assert is_proxied(address) is proxied
