"""What can go wrong at the door to Cloudrock, one class for each thing a caller may want to decide on.

Every message is for the administrator who reads it at night: what was asked of whom, what came back, what
to do. None ever holds the token. All survive pickling, since Prefect carries exceptions between processes.
"""

from __future__ import annotations

from typing import ClassVar


class CloudrockError(Exception):
    """Anything that went wrong between us and Cloudrock."""


class CloudrockMisconfigured(CloudrockError):  # noqa: N818  # names the fact
    """The connection cannot work until a person changes a setting (address, token, certificate)."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem, remedy)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.problem}. {self.remedy}."


class CloudrockUnavailable(CloudrockError):  # noqa: N818  # names the fact
    """Cloudrock cannot be reached or is overloaded; the same call may succeed later.

    `may_have_arrived` tells that the request was possibly carried out although no answer came.
    """

    def __init__(
        self, method: str, url: str, problem: str, attempts: int, *, may_have_arrived: bool = False
    ) -> None:
        super().__init__(method, url, problem, attempts)
        self.method = method
        self.url = url
        self.problem = problem
        self.attempts = attempts
        self.may_have_arrived = may_have_arrived

    def __str__(self) -> str:
        tried = "once" if self.attempts == 1 else f"{self.attempts} times"
        doubt = " The request may have been carried out all the same." if self.may_have_arrived else ""
        return (
            f"Cloudrock is unavailable: {self.method} {self.url} was tried {tried}, "
            f"last result: {self.problem}.{doubt} This can pass by itself; otherwise check the server."
        )


class CloudrockServerError(CloudrockError):
    """Cloudrock failed inside (500). By contract it rolled everything back, and repeating rarely helps."""

    def __init__(self, status: int, method: str, path: str) -> None:
        super().__init__(status, method, path)
        self.status = status
        self.method = method
        self.path = path

    def __str__(self) -> str:
        return (
            f"Cloudrock failed with {self.status} on {self.method} {self.path}: an error inside the server, "
            "its log has the cause. Nothing was changed there, as a rule."
        )


class CloudrockRejected(CloudrockError):  # noqa: N818  # names the fact
    """Cloudrock understood the request and refused it (4xx); `reasons` are the server's own words."""

    remedy: ClassVar[str] = ""

    def __init__(self, status: int, method: str, path: str, reasons: tuple[str, ...]) -> None:
        super().__init__(status, method, path, reasons)
        self.status = status
        self.method = method
        self.path = path
        self.reasons = reasons

    def __str__(self) -> str:
        said = "; ".join(reason.rstrip(".") for reason in self.reasons) or "no reason given"
        remedy = f" {self.remedy}" if self.remedy else ""
        return f"Cloudrock refused {self.method} {self.path} with {self.status}: {said}.{remedy}"


class CloudrockUnauthorized(CloudrockRejected):
    """401: the token is wrong, has expired, or its user is inactive."""

    remedy = (
        "Check the API token; its user must be active and have no token lifetime (token_lifetime null), "
        "else the token expires between two runs."
    )


class CloudrockForbidden(CloudrockRejected):
    """403: the token's user may see this, but not do it."""

    remedy = (
        "The token's user needs to own the provider's organisation (or be staff): a service manager can "
        "report usage but not complete orders."
    )


class CloudrockNotFound(CloudrockRejected):
    """404: it does not exist, or the token's user may not see it; Cloudrock does not tell which."""

    remedy = "Check the uuid, the token's user and the API address (it usually ends with /api/)."


class CloudrockConflict(CloudrockRejected):
    """409: the allocation is not in a state from which the asked one can be reached."""


REJECTIONS: dict[int, type[CloudrockRejected]] = {
    401: CloudrockUnauthorized,
    403: CloudrockForbidden,
    404: CloudrockNotFound,
    409: CloudrockConflict,
}


class CloudrockMismatch(CloudrockError):  # noqa: N818  # names the fact
    """A value that is not what it has to be, on its way in or out."""

    def __init__(self, what: str, expected: str, got: str) -> None:
        super().__init__(what, expected, got)
        self.what = what
        self.expected = expected
        self.got = got


class UnexpectedCloudrockData(CloudrockMismatch):  # names the fact
    """Cloudrock answered with something else than the contract says; nothing was made of it."""

    def __str__(self) -> str:
        return f"Unexpected data from Cloudrock in {self.what}: expected {self.expected}, got {self.got}."


class UnsendableToCloudrock(CloudrockMismatch):  # names the fact
    """A value that Cloudrock would refuse, crash on or misunderstand; it was not sent."""

    def __str__(self) -> str:
        return f"Not sent to Cloudrock: {self.what} must be {self.expected}, not {self.got}."
