"""No answer came: what happened, in words, and whether the request can have reached the server."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

import requests
from urllib3.exceptions import NameResolutionError, NewConnectionError

from cloudrock_io.reasons import one_line

if TYPE_CHECKING:
    from cloudrock_io.repeating import Patience


@dataclass(frozen=True, slots=True)
class Fault:
    """A request without an answer."""

    problem: str
    sent: bool
    """Whether the server may have got the request."""
    may_pass: bool = True
    remedy: str = ""


def fault_from(error: Exception, patience: Patience) -> Fault:
    """What `requests` raised, in our words; its own text is long and repeats the URL with its query.

    Not everything it raises is a RequestException: a CA bundle that is not there is a plain OSError, an
    impossible host name one of urllib3's errors.
    """
    if isinstance(error, ValueError) or not isinstance(error, requests.RequestException):
        return Fault(
            one_line(str(error)).rstrip("."),
            sent=False,
            may_pass=False,
            remedy="Check the API address, the proxy settings and REQUESTS_CA_BUNDLE",
        )
    causes = _causes(error)
    untrusted = next((c for c in causes if isinstance(c, ssl.SSLCertVerificationError)), None)
    if untrusted is not None:
        return Fault(
            f"its certificate is not trusted ({untrusted.verify_message})",
            sent=False,
            may_pass=False,
            remedy="Name the site's CA file in REQUESTS_CA_BUNDLE; only a test system may go unverified",
        )
    return _not_sent(error, causes, patience) or Fault(_lost(error, patience), sent=True)


def _not_sent(
    error: requests.RequestException, causes: list[BaseException], patience: Patience
) -> Fault | None:
    """The fault, if the request cannot have left: there was no connection."""
    if isinstance(error, requests.ConnectTimeout):
        problem = f"no connection within {patience.connect_timeout:g} s"
    elif isinstance(error, requests.exceptions.ProxyError):
        problem = "the proxy named in the environment does not let us through"
    elif any(isinstance(cause, NameResolutionError) for cause in causes):
        problem = "the host's name cannot be resolved"
    elif any(isinstance(cause, NewConnectionError) for cause in causes):
        words = (cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror)
        problem = next(words, "no connection").lower()
    else:
        return None
    return Fault(problem, sent=False)


def _lost(error: requests.RequestException, patience: Patience) -> str:
    """What happened to an answer after the request was sent, or may have been."""
    if isinstance(error, requests.ReadTimeout):
        return f"no answer within {patience.read_timeout:g} s"
    if isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError):
        return "the connection broke before the answer was complete"
    return f"the answer could not be read ({type(error).__name__})"


def _causes(error: BaseException) -> list[BaseException]:
    """The exception and all that is under it: causes, contexts, what urllib3 keeps in args and `reason`."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        here = waiting.pop(0)
        if isinstance(here, BaseException) and here not in found:
            found.append(here)
            waiting += [here.__cause__, here.__context__, getattr(here, "reason", None), *here.args]
    return found
