"""One HTTP session to Cloudrock: timeouts, careful repeats, and an error type for each bad outcome."""

from __future__ import annotations

import json as json_text
import random
import re
import time
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import version
from itertools import count
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError

from cloudrock_io.errors import (
    REJECTIONS,
    CloudrockMisconfigured,
    CloudrockRejected,
    CloudrockServerError,
    CloudrockUnavailable,
)
from cloudrock_io.faults import Fault, fault_from
from cloudrock_io.reasons import HIDDEN, flatten_reasons, one_line
from cloudrock_io.repeating import BUSY, READS, Patience, is_safe_to_repeat, statuses_to_repeat

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    Query = Mapping[str, str | int | Sequence[str] | None]

SERVER_ERROR, REFUSED, REDIRECTED = 500, 400, 300


class _Token(AuthBase):
    """Puts the token on a request; as the session's auth it also keeps a .netrc from replacing it."""

    def __init__(self, token: str) -> None:
        self.token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"token {self.token}"
        return request

    def __repr__(self) -> str:
        return HIDDEN


class Connection:
    """Sends requests to the API at one address with one token."""

    def __init__(self, api_url: str, token: str, *, verify_ssl: bool, patience: Patience) -> None:
        _check_address(api_url)
        if not re.fullmatch(r"[\x21-\x7e]+", token):
            raise CloudrockMisconfigured(
                "The Cloudrock API token is empty or has blanks, line ends or non-ASCII characters in it",
                "Give the token alone, as the portal shows it",
            )
        self.server_time: datetime | None = None
        """The server's clock (its Date header) at the last answer."""
        self._api_url = f"{api_url.rstrip('/')}/"
        self._token = _Token(token)
        self._verify_ssl = verify_ssl
        self._patience = patience
        self._random = random.SystemRandom()
        self._session = requests.Session()
        self._session.auth = self._token
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        self._session.headers.update(
            {
                "Accept": "application/json",
                "Content-Type": "application/json",
                "User-Agent": f"cloudrock-slurm-agent/{version('cloudrock-slurm-agent')}",
            }
        )
        adapter = HTTPAdapter(pool_connections=2, pool_maxsize=10, max_retries=0)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def close(self) -> None:
        """Close the pooled connections."""
        self._session.close()

    def send(
        self, method: str, url: str, *, params: Query | None = None, json: object = None
    ) -> requests.Response:
        """Send, again where that is safe and may help.

        urllib3's own `Retry` is not used: it does not see an answer that breaks off while it is read, knows
        methods but not addresses, and does not pause before its first repeat.

        Returns:
            A 2xx answer; every other outcome is one of `cloudrock_io.errors`.
        """
        path = url.removeprefix(self._api_url).split("?", 1)[0]
        last_start = time.monotonic() + self._patience.last_start
        for attempt in count(1):
            outcome = self._try(method, url, params, json)
            pause = self._patience.pause(attempt, _retry_after(outcome), self._random.random())
            late = time.monotonic() + pause > last_start
            if attempt >= self._patience.attempts or late or not _repeatable(method, path, outcome):
                return self._settle(method, url.split("?", 1)[0], attempt, outcome)
            time.sleep(pause)
        raise AssertionError  # pragma: no cover  # count() has no end

    def _try(self, method: str, url: str, params: Query | None, json: object) -> requests.Response | Fault:
        """Send once. `verify` goes with each request: the environment's CA bundle beats a session's False."""
        patience = self._patience
        try:
            response = self._session.request(
                method,
                url,
                params=params,
                json=json,
                timeout=(patience.connect_timeout, patience.read_timeout),
                verify=self._verify_ssl,
                allow_redirects=False,
            )
        except (OSError, ValueError, HTTPError) as error:  # may hold the token's request: keep words only
            return fault_from(error, patience)
        self.server_time = _date(response.headers.get("Date"))
        return response

    def _settle(
        self, method: str, url: str, attempts: int, outcome: requests.Response | Fault
    ) -> requests.Response:
        """The final outcome as an answer to use, or as the error that it means."""
        if isinstance(outcome, Fault):
            if not outcome.may_pass:
                raise CloudrockMisconfigured(f"{url}: {outcome.problem}", outcome.remedy)
            doubt = outcome.sent and method not in READS
            raise CloudrockUnavailable(method, url, outcome.problem, attempts, may_have_arrived=doubt)
        status = outcome.status_code
        path = urlsplit(url).path
        if status in BUSY:
            doubt = status >= SERVER_ERROR and method not in READS
            raise CloudrockUnavailable(method, url, f"HTTP {status}", attempts, may_have_arrived=doubt)
        if status >= SERVER_ERROR:
            raise CloudrockServerError(status, method, path)
        if status >= REFUSED:
            raise REJECTIONS.get(status, CloudrockRejected)(status, method, path, self._reasons(outcome))
        if status >= REDIRECTED:
            target = one_line(outcome.headers.get("Location", "an unnamed address").split("?", 1)[0])
            raise CloudrockMisconfigured(
                f"{url} redirects to {target}, and the token is not sent after a redirect",
                "Set the API address to the final one",
            )
        return outcome

    def _reasons(self, response: requests.Response) -> tuple[str, ...]:
        """The server's words; should they repeat the token, then without it."""
        try:
            body = json_text.loads(response.content)
        except (ValueError, RecursionError):
            return (one_line(response.reason or "an answer that is not JSON"),)
        return flatten_reasons(body, self._token.token)


def _repeatable(method: str, path: str, outcome: requests.Response | Fault) -> bool:
    if isinstance(outcome, Fault):
        return outcome.may_pass and (not outcome.sent or is_safe_to_repeat(method, path))
    return outcome.status_code in statuses_to_repeat(method, path)


def _check_address(api_url: str) -> None:
    try:
        parts = urlsplit(api_url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:  # a port that is no number, an unfinished [::1]
        good = False
    if not good or re.search(r"[\s?#@\\]", api_url):
        raise CloudrockMisconfigured(
            "The Cloudrock API address is not of the form https://host/api/",
            "Give scheme, host and path, without a user, a query or a fragment",
        )


def _date(text: str | None) -> datetime | None:
    """An HTTP date; None when there is none or it cannot be read."""
    try:
        return parsedate_to_datetime(text) if text else None
    except (TypeError, ValueError):
        return None


def _retry_after(outcome: requests.Response | Fault) -> float | None:
    """The seconds that the server asks us to wait; the form with a date is left to our own back-off."""
    if isinstance(outcome, Fault):
        return None
    text = outcome.headers.get("Retry-After", "").strip()
    return float(text) if re.fullmatch(r"[0-9]{1,9}", text) else None
