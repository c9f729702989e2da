"""The stand-in's page over HTTP: what its buttons do and refuse, and that names in it are only names."""

from __future__ import annotations

import re
from contextlib import contextmanager
from html import unescape
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from sandbox.cloudrock import Marketplace
from sandbox.cloudrock.page.views import Surroundings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = re.compile(r'name="key" value="([^"]+)"')
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7 * 7 }}"


class Visitor:
    """Somebody with a browser: follows links, presses buttons, reads."""

    def __init__(self, marketplace: Marketplace) -> None:
        self.marketplace = marketplace
        self.office = marketplace.office
        self.web = httpx.Client(base_url=marketplace.page_url, follow_redirects=True, timeout=20)
        self.order_path = f"offerings/{marketplace.offering_uuid}/order/"

    def see(self, path: str = "") -> str:
        answer = self.web.get(path)
        assert answer.status_code == 200, answer.text
        return unescape(answer.text)

    @property
    def key(self) -> str:
        found = KEY.search(self.web.get(self.order_path).text)
        assert found
        return found[1]

    def press(self, path: str, **fields: str) -> httpx.Response:
        form = {"key": self.key, **{name.replace("__", " "): text for name, text in fields.items()}}
        return self.web.post(path, data=form)

    def order(self, name: str = "genomics", **fields: str) -> httpx.Response:
        seeded = {"project": self.marketplace.project_uuid, "plan": self.marketplace.plan_uuid}
        return self.press(self.order_path, **{"name": name, "approved": "yes", **seeded, **fields})

    def made(self, name: str = "genomics", **fields: str) -> tuple[str, str]:
        """Ordered, and carried out as the agent does: its order item and its resource."""
        answer = self.order(name, **fields)
        assert answer.status_code == 200, answer.text
        item = str(answer.url).rstrip("/").rpartition("/")[2]
        self.office.run_worker()
        resource = str(self.office.state_of(item)["resource"])
        for word in ("creating", "ok"):
            self.tell(f"marketplace-slurm-remote/{resource}/set_state/", {"state": word})
        return item, resource

    def tell(self, path: str, body: object = None) -> None:
        self.rest("POST", path, body).raise_for_status()

    def rest(
        self, method: str, path: str, body: object = None, actor: str = "provider_owner"
    ) -> httpx.Response:
        headers = {"Authorization": f"token {self.marketplace.tokens[actor]}"}
        return self.web.request(method, f"{self.marketplace.api_url}{path}", json=body, headers=headers)

    def period_of(self, resource: str) -> str:
        periods: list[dict[str, Any]] = self.rest(
            "GET", f"marketplace-resources/{resource}/plan_periods/"
        ).json()
        return next(str(one["uuid"]) for one in periods if one["end"] is None)


@contextmanager
def visiting(**options: Any) -> Iterator[Visitor]:
    with Marketplace(**options) as marketplace:
        marketplace.office.pause_worker()
        visitor = Visitor(marketplace)
        yield visitor
        visitor.web.close()


@pytest.fixture(scope="module")
def running() -> Iterator[Visitor]:
    with visiting(seed_with="playground") as visitor:
        yield visitor


@pytest.fixture
def visitor(running: Visitor) -> Iterator[Visitor]:
    yield running
    running.office.clear_faults()


def alert_of(answer: httpx.Response) -> str:
    found = re.search(r'role="alert">([^<]*)<', answer.text)
    assert found, answer.text
    return unescape(found[1])


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


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ({"limit__cpu": "-1"}, "limits cpu: Ensure this value is greater than or equal to 0"),
        ({"limit__cpu": "many"}, "limits cpu: A valid integer is required"),
        ({"limit__cpu": "1.5"}, "limits cpu: A valid integer is required"),
        ({"limit__cpu": "9" * 30}, f"limits cpu: Ensure this value is less than or equal to {2**63 - 1}"),
        ({"limit__mem": "1"}, "limits: Invalid types: mem"),
        ({"limit__<b>": "1"}, "limits: Invalid types: <b>"),
    ],
)
def test_limits_that_cannot_be_are_refused_in_one_sentence_and_stay_in_the_form(
    visitor: Visitor, typed: dict[str, str], complaint: str
) -> None:
    before = visitor.rest("GET", "marketplace-order-items/").headers["X-Result-Count"]
    answer = visitor.order("refused", **typed)
    assert (answer.status_code, alert_of(answer)) == (400, f"The marketplace refused it (400): {complaint}.")
    assert 'value="refused"' in answer.text
    assert visitor.rest("GET", "marketplace-order-items/").headers["X-Result-Count"] == before


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ({"name": "  "}, "name: This field may not be blank"),
        ({"name": "n" * 151}, "name: Ensure this field has no more than 150 characters"),
        ({"plan": "0" * 32}, "plan: Invalid hyperlink - Object does not exist"),
        ({"project": "0" * 32}, "project: Invalid hyperlink - Object does not exist"),
    ],
)
def test_a_form_that_is_not_whole_is_refused(visitor: Visitor, typed: dict[str, str], complaint: str) -> None:
    answer = visitor.order(**typed)
    assert (answer.status_code, alert_of(answer)) == (400, f"The marketplace refused it (400): {complaint}.")


def test_a_terminated_resource_has_no_buttons_and_refuses_them_as_rest_does(visitor: Visitor) -> None:
    _, resource = visitor.made("ending")
    page = f"resources/{resource}/"
    item = str(visitor.press(f"{page}terminate/", approved="yes").url).rstrip("/").rpartition("/")[2]
    second = visitor.press(f"{page}terminate/", approved="yes")
    assert alert_of(second) == (
        "The marketplace refused it (400): Pending order item for resource already exists."
    )
    visitor.office.run_worker()
    visitor.tell(f"marketplace-order-items/{item}/set_state_done/")
    text = visitor.see(page)
    assert "It has ended" in text
    assert "<form" not in text
    refused = visitor.rest("POST", f"marketplace-resources/{resource}/terminate/", actor="customer_owner")
    for button, fields in (("limits", {"limit__cpu": "1"}), ("terminate", {})):
        answer = visitor.press(f"{page}{button}/", approved="yes", **fields)
        assert answer.status_code == refused.status_code == 400
        assert alert_of(answer) == f"The marketplace refused it (400): {refused.json()[0].rstrip('.')}."


def test_a_form_without_the_key_of_this_start_does_nothing(visitor: Visitor) -> None:
    before = visitor.rest("GET", "marketplace-order-items/").headers["X-Result-Count"]
    for key in ("", "k" * 43, "ü"):
        answer = visitor.order("foreign", key=key)
        assert answer.status_code == 403
        assert alert_of(answer).startswith("This form is from before the stand-in's last start.")
    assert visitor.rest("GET", "marketplace-order-items/").headers["X-Result-Count"] == before


def test_only_names_of_this_machine_are_answered(visitor: Visitor) -> None:
    for host, status in (
        *(("evil.example.com", 403), ("127.0.0.1.nip.io:8008", 403), ("localhost:8008", 200)),
        *(("[::1]:8008", 200), ("marketplace:8008", 200)),
    ):
        for path in ("", visitor.order_path):
            assert visitor.web.get(path, headers={"Host": host}).status_code == status, host
    foreign = visitor.web.post(
        visitor.order_path, data={"key": visitor.key}, headers={"Host": "evil.example.com"}
    )
    assert foreign.status_code == 403


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
        assert not re.search(r"<(script|img)\b", answer.text), path
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "script-src" not in answer.headers["Content-Security-Policy"]
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
    for words in ("75.00%", "123,456", "MB-minutes", "67%", "33%", "50%", "<svg", "CPU, minutes"):
        assert words in text, words
    assert "GPU, minutes" not in text
    assert "currentColor" in text


def test_the_page_follows_an_order_that_is_under_way_and_rests_otherwise(visitor: Visitor) -> None:
    visitor.office.run_worker()
    answer = visitor.order("followed")
    refresh = '<meta http-equiv="refresh"'
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


@pytest.mark.parametrize("path", ["orders/{}/", "resources/{}/", "offerings/{}/order/"])
@pytest.mark.parametrize("uuid", ["0" * 32, "nonsense", "..%2f..%2fetc"])
def test_what_is_not_there_is_said_so(visitor: Visitor, path: str, uuid: str) -> None:
    answer = visitor.web.get(path.format(uuid))
    assert answer.status_code == 404
    assert "Not found" in answer.text or "Not Found" in answer.text


def test_a_button_s_address_that_is_opened_leads_back_to_its_page(visitor: Visitor) -> None:
    _, resource = visitor.made("reloaded")
    answer = visitor.web.get(f"resources/{resource}/limits/")
    assert (answer.status_code, answer.url.path) == (200, f"/page/resources/{resource}/")


def test_a_customer_who_may_not_log_in_any_more_cannot_order(visitor: Visitor) -> None:
    visitor.office.set_user_active("genomics-owner", active=False)
    try:
        answer = visitor.order("late")
    finally:
        visitor.office.set_user_active("genomics-owner", active=True)
    assert (answer.status_code, alert_of(answer)) == (
        401,
        "The marketplace refused it (401): User inactive or deleted.",
    )


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


def test_rest_refuses_limits_orders_until_a_later_server_is_asked_for(visitor: Visitor) -> None:
    _, resource = visitor.made("later")
    path = f"marketplace-resources/{resource}/update_limits/"
    body = {"limits": {"cpu": 7}}
    assert visitor.rest("POST", path, body, "customer_owner").status_code == 400
    visitor.office.set_limits_orders(enabled=True)
    try:
        assert visitor.rest("POST", path, {}, "customer_owner").json() == {
            "limits": ["This field is required."]
        }
        assert visitor.rest("POST", path, {"limits": [1]}, "customer_owner").status_code == 400
        assert visitor.rest("POST", path, body, "customer_owner").status_code == 200
    finally:
        visitor.office.set_limits_orders(enabled=False)
