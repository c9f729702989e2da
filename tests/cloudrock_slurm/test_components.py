"""`cloudrock-slurm components`, and what sync-components does with it, on a behaving marketplace."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from sandbox.cloudrock import Marketplace
from tests.typed import typed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE = """\
cpu: {limit: 600, measured_unit: hours, accounting_type: usage, label: Cores}
gres/gpu: {limit: 60, measured_unit: minutes, accounting_type: usage, label: GPU}
gres/fpga: {limit: 60, measured_unit: minutes, accounting_type: limit, label: FPGA}
"""


class Site:
    def __init__(self, marketplace: Marketplace, folder: Path) -> None:
        self.marketplace, self.folder = marketplace, folder
        (folder / "config-components.yaml").write_text(FILE)

    def run(self, *words: str) -> tuple[int, str]:
        mine = {n: v for n, v in os.environ.items() if not n.startswith(("CLOUDROCK_", "SLURM_", "SYNC_"))}
        settings = {
            "CLOUDROCK_API_URL": self.marketplace.api_url,
            "CLOUDROCK_API_TOKEN": self.marketplace.tokens["provider_owner"],
            "CLOUDROCK_OFFERING_UUID": self.marketplace.offering_uuid,
            "SLURM_DEPLOYMENT_TYPE": "native",
        }
        done = typed("components", *words, environment={**mine, **settings}, folder=self.folder)
        return done.returncode, done.stdout + done.stderr

    def offered(self) -> dict[str, dict[str, Any]]:
        url = f"{self.marketplace.api_url}marketplace-public-offerings/{self.marketplace.offering_uuid}/"
        headers = {"Authorization": f"token {self.marketplace.tokens['provider_owner']}"}
        answer = httpx.get(url, headers=headers, timeout=30).raise_for_status().json()
        return {one["type"]: one for one in answer["components"]}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Marketplace() as marketplace:
        for kind in ("cpu", "mem"):
            marketplace.office.configure_component(
                marketplace.offering_uuid, kind, description="by hand", limit_amount=5, article_code="A1"
            )
        yield Site(marketplace, tmp_path)


DIFFERENCES = """\
~ component cpu: name 'CPU' -> 'Cores'
~ component cpu: measured_unit 'minutes' -> 'hours'
+ component gres/fpga
"""


def test_without_apply_differences_are_shown_and_nothing_is_written(site: Site) -> None:
    before = site.offered()
    code, text = site.run()
    assert (code, text) == (
        0,
        f"{DIFFERENCES}the offering differs from the components file and was not changed\n",
    )
    assert site.offered() == before


def test_apply_changes_what_the_file_says_and_keeps_what_was_set_in_the_portal(site: Site) -> None:
    before = site.offered()
    code, text = site.run("--apply")
    price = "no price in any plan until somebody gives it one in the portal"
    assert (code, text) == (0, f"{DIFFERENCES}the offering was changed; gres/fpga: {price}\n")
    after = site.offered()
    assert after["cpu"] == {**before["cpu"], "name": "Cores", "measured_unit": "hours"}
    assert after["mem"] == before["mem"]
    assert after["gres/fpga"]["billing_type"] == "limit"
    assert site.run("--apply") == (0, "the offering's components are as the components file says\n")


def test_a_token_that_may_not_is_said_in_one_line(site: Site) -> None:
    site.marketplace.tokens["provider_owner"] = site.marketplace.tokens["outsider"]
    code, text = site.run("--apply")
    assert code == 1
    assert "Traceback" not in text
    assert len(text.splitlines()) == 1


def test_the_flow_applies_a_new_file_once_and_then_leaves_the_portal_s_word_alone(site: Site) -> None:
    from allocations.components import parse_components  # noqa: PLC0415
    from cloudrock_io.client import Cloudrock  # noqa: PLC0415 - these take seconds
    from flows.components import synchronised  # noqa: PLC0415 - the same

    market, state = site.marketplace, site.folder / "state"
    components = parse_components(FILE, "f")
    with Cloudrock(market.api_url, market.tokens["provider_owner"], market.offering_uuid) as cloudrock:
        assert synchronised(cloudrock, components, state, apply=False).applied
        market.office.configure_component(market.offering_uuid, "cpu", name="Renamed by hand")
        assert not synchronised(cloudrock, components, state, apply=False).applied
        assert site.offered()["cpu"]["name"] == "Renamed by hand"
        newer = parse_components(FILE.replace("label: GPU", "label: GPUs"), "f")
        assert synchronised(cloudrock, newer, state, apply=False).applied
    assert {one["name"] for one in site.offered().values()} == {"Cores", "GPUs", "RAM", "FPGA"}
