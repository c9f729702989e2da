"""`cloudrock-slurm deploy` on a real Prefect server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox.stack import Stack

    Deploy = Callable[..., tuple[int, list[str]]]

pytestmark = pytest.mark.prefect

HOURLY = "deployments/name/push-usage/hourly"


@pytest.fixture
def deploy(api: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> Deploy:
    from cloudrock_slurm.deploy import deploy as perform  # noqa: PLC0415 - Prefect takes seconds

    def deployed(*, check: bool = False) -> tuple[int, list[str]]:
        code = perform(check=check)
        return code, capsys.readouterr().out.splitlines()

    return deployed


def test_the_first_time_makes_everything_and_the_second_says_that_nothing_changed(
    deploy: Deploy, stack: Stack
) -> None:
    code, said = deploy(check=True)
    assert code == 1
    assert said[-1] == "14 differ from prefect.yaml and deployments/automations.yaml"
    assert stack.api.ask("POST", "deployments/filter", {}) == []

    code, said = deploy()
    assert code == 0
    assert said[0] == "+ work pool headnode, of type process"
    assert "+ deployment push-usage/hourly" in said
    assert "+ automation 'cloudrock-slurm: a run failed'" in said
    assert said[-1].endswith(": 14 made or changed")

    for check in (False, True):
        code, said = deploy(check=check)
        assert code == 0
        assert said[-1] == (
            "6 deployments and 7 automations as in prefect.yaml and deployments/automations.yaml: "
            "nothing to change"
        )
        assert [line for line in said if line[0] in "+~!"] == []
