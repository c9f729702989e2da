"""The stand-in's page over HTTP: what it shows and its buttons do, and that names in it are only names."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING

from allocations.components import parse_components
from sandbox.cloudrock.page.views import Surroundings
from tests.sandbox.cloudrock.visitor import alert_of, visiting

if TYPE_CHECKING:
    from tests.sandbox.cloudrock.visitor import Visitor

COMPONENTS = Path(__file__).parents[3] / "sandbox" / "components.yaml"
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7 * 7 }}"


def test_the_stand_in_s_bare_address_leads_to_the_overview(visitor: Visitor) -> None:
    answer = visitor.web.get(visitor.marketplace.api_url.replace("/api/", "/"))
    assert str(answer.url) == visitor.marketplace.page_url
    for words in ("SLURM cluster", "Standard, Urgent", "CPU", "gres/gpu", "minutes", "limit", "usage"):
        assert words in answer.text


def test_an_order_by_button_is_the_order_that_rest_shows(visitor: Visitor) -> None:
    item, resource = visitor.made("proteins", limit__cpu="5000", **{"limit__gres/gpu": "70"})
    seen = visitor.rest("GET", f"marketplace-order-items/{item}/").json()
    assert (seen["state"], seen["limits"]) == ("done", {"cpu": 5000, "gres/gpu": 70})
    assert seen["attributes"] == {"name": "proteins"}
    text = visitor.see(f"resources/{resource}/")
    for words in ("proteins", ">OK<", "Sequencing 2026", "cpu 5,000", "gres/gpu 70", "Standard", "open"):
        assert words in text


def test_an_order_waits_for_the_provider_s_button_when_it_is_not_approved_at_once(visitor: Visitor) -> None:
    answer = visitor.order("patient", approved="no")
    assert "waits until the provider approves" in answer.text
    item = str(answer.url).rstrip("/").rpartition("/")[2]
    assert visitor.office.state_of(item)["item_state"] == "pending"
    visitor.press(f"orders/{item}/approve/")
    assert visitor.office.state_of(item)["item_state"] == "executing"
    visitor.office.run_worker()
    rejected = str(visitor.order("unwanted", approved="no").url).rstrip("/").rpartition("/")[2]
    assert "It was rejected." in visitor.press(f"orders/{rejected}/reject/").text
    again = visitor.press(f"orders/{rejected}/reject/")
    assert (again.status_code, alert_of(again)) == (
        400,
        "The marketplace refused it (400): Order item is not in executing or pending state.",
    )


def test_limits_and_plan_are_changed_by_buttons_and_the_agent_s_done_closes_the_period(
    visitor: Visitor,
) -> None:
    _, resource = visitor.made("changing", limit__cpu="10")
    page = f"resources/{resource}/"
    changed = visitor.press(f"{page}limits/", approved="yes", limit__cpu="20")
    assert "Other limits: changing" in changed.text
    visitor.office.run_worker()
    assert "Update Scheduled" in visitor.see(page)
    for word in ("updating", "ok"):
        visitor.tell(f"marketplace-slurm-remote/{resource}/set_state/", {"state": word})
    text = visitor.see(page)
    assert "cpu 20" in text
    other = re.search(r'<option value="(\w+)">Urgent<', text)
    assert other
    item = (
        str(visitor.press(f"{page}plan/", approved="yes", plan=other[1]).url).rstrip("/").rpartition("/")[2]
    )
    visitor.office.run_worker()
    visitor.tell(f"marketplace-order-items/{item}/set_state_done/")
    text = visitor.see(page)
    assert "plan Urgent instead of Standard" in text
    assert text.count(">open<") == 1


def test_names_are_data_on_every_page(visitor: Visitor) -> None:
    item, resource = visitor.made(HOSTILE)
    visitor.office.add_member(
        visitor.marketplace.project_uuid, visitor.office.add_user(HOSTILE, HOSTILE)["uuid"]
    )
    visitor.tell(f"marketplace-resources/{resource}/set_backend_id/", {"backend_id": HOSTILE})
    usage = {"cpu_usage": 3, "gpu_usage": 0, "ram_usage": 0, "month": 1, "year": 2026, "user": None}
    visitor.tell(f"marketplace-slurm-remote/{resource}/set_usage/", {**usage, "username": HOSTILE[:32]})
    visitor.tell(f"marketplace-slurm-remote/{resource}/set_limits/", {HOSTILE: HOSTILE, "cpu": 4})
    visitor.tell(
        f"marketplace-order-items/{item}/set_state_erred/",
        {"error_message": HOSTILE, "error_traceback": ""},
    )
    for path in ("", f"orders/{item}/", f"resources/{resource}/", "requests/", "requests/?show=changes"):
        answer = visitor.web.get(path)
        assert HOSTILE.partition('"')[0] in unescape(answer.text), path
        tags = set(re.findall(r"<(?:script|img)\b[^>]*>", answer.text))
        assert tags <= {'<script src="/page/follow.js" data-seconds="3" defer>'}, path
        assert "default-src 'none'; script-src 'self';" in answer.headers["Content-Security-Policy"]
    visitor.tell(f"marketplace-slurm-remote/{resource}/set_limits/", {"cpu": 4})


def test_usage_stands_beside_its_limit_with_a_plot_and_users_shares(visitor: Visitor) -> None:
    _, resource = visitor.made("used", limit__cpu="40")
    assert "Nothing was told this month." in visitor.see(f"resources/{resource}/")
    period = visitor.period_of(resource)
    for amount in (10, 30):
        usages = [{"type": "cpu", "amount": amount}, {"type": "mem", "amount": 123456}]
        visitor.tell("marketplace-component-usages/set_usage/", {"plan_period": period, "usages": usages})
    month, year = str(visitor.office.clock())[5:7], str(visitor.office.clock())[:4]
    for username, used in (("ada", 20), ("max", 10)):
        row = {"username": username, "user": None, "month": int(month), "year": int(year)}
        amounts = {"cpu_usage": used, "gpu_usage": 0, "ram_usage": 7}
        visitor.tell(f"marketplace-slurm-remote/{resource}/set_usage/", {**row, **amounts})
    text = visitor.see(f"resources/{resource}/")
    for words in ("75.00%", "123,456", "MB-minutes", "66.67%", "33.33%", "50.00%", "<svg", "CPU, minutes"):
        assert words in text, words
    assert "GPU, minutes" not in text
    assert "currentColor" in text


def test_the_page_follows_an_order_that_is_under_way_and_rests_otherwise(visitor: Visitor) -> None:
    visitor.office.run_worker()
    answer = visitor.order("followed")
    refresh = "/page/follow.js"
    assert refresh in answer.text
    item = str(answer.url).rstrip("/").rpartition("/")[2]
    assert refresh not in visitor.see(f"orders/{item}/?refresh=off")
    visitor.office.run_worker()
    resource = str(visitor.office.state_of(item)["resource"])
    assert refresh in visitor.see(f"resources/{resource}/")
    visitor.tell(f"marketplace-order-items/{item}/set_state_done/")
    assert refresh not in visitor.see(f"resources/{resource}/")
    assert refresh not in visitor.see(f"orders/{item}/")


def test_the_log_shows_the_agent_s_requests_and_none_of_the_page(visitor: Visitor) -> None:
    visitor.office.clear_requests()
    _, resource = visitor.made("logged")
    paths = {str(one["path"]) for one in visitor.office.requests()}
    assert all(path.startswith("/api/") for path in paths)
    text = visitor.see("requests/?show=changes")
    for words in (
        f"/api/marketplace-slurm-remote/{resource}/set_state/",
        "hpc-owner",
        '{"state": "creating"}',
    ):
        assert words in text
    assert "/page/" not in re.sub(r'(href|action)="[^"]*"', "", text)
    assert f"{resource}/set_state/" in visitor.see(f"resources/{resource}/")


def test_trouble_that_is_made_for_the_api_does_not_strike_the_page(visitor: Visitor) -> None:
    visitor.office.fail_next(".*", times=1)
    assert "Overview" in visitor.see()
    assert visitor.rest("GET", "version/").status_code == 503


def test_no_page_holds_a_token(visitor: Visitor) -> None:
    item, resource = visitor.made("open secret")
    for path in ("", f"orders/{item}/", f"resources/{resource}/", "requests/", visitor.order_path):
        text = visitor.see(path)
        assert not [actor for actor, token in visitor.marketplace.tokens.items() if token in text]


def test_an_offering_without_limits_and_other_plans_says_so() -> None:
    with visiting() as visitor:
        assert "Nothing of this offering is billed by limit" in visitor.see(visitor.order_path)
        _, resource = visitor.made()
        text = visitor.see(f"resources/{resource}/")
        assert "The offering has no other plan." in text
        assert "Order these limits" not in text


def test_the_page_leads_to_prefect_and_to_the_newest_report(tmp_path: Path) -> None:
    around = Surroundings("http://127.0.0.1:4200", tmp_path)
    with visiting(around=around) as visitor:
        text = visitor.see()
        assert 'href="http://127.0.0.1:4200"' in text
        assert "/page/report/" not in text
        assert visitor.web.get("report/").status_code == 404
        (tmp_path / "usage-2026-11.html").write_text("<h1>November</h1>")
        (tmp_path / "other.html").write_text("no report")
        assert "/page/report/" in visitor.see()
        assert visitor.see("report/") == "<h1>November</h1>"


def test_the_playground_offers_what_the_sandbox_s_file_describes(visitor: Visitor) -> None:
    described = parse_components(COMPONENTS.read_text(), COMPONENTS.name)
    path = f"marketplace-public-offerings/{visitor.marketplace.offering_uuid}/"
    offered = visitor.rest("GET", path).json()["components"]
    assert {one["type"]: (one["name"], one["measured_unit"], one["billing_type"]) for one in offered} == {
        kind: (one.label, one.measured_unit, one.accounting_type.value) for kind, one in described.items()
    }
