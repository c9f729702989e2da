"""How the marketplace says no: 401 to 409, the four shapes of a 400, and the HTML page of a 500."""

from __future__ import annotations

SERVER_ERROR_PAGE = """
<!doctype html>
<html lang="en">
<head>
  <title>Server Error (500)</title>
</head>
<body>
  <h1>Server Error (500)</h1><p></p>
</body>
</html>
"""
NOT_FOUND_PAGE = """
<!doctype html>
<html lang="en">
<head>
  <title>Not Found</title>
</head>
<body>
  <h1>Not Found</h1><p>The requested resource was not found on this server.</p>
</body>
</html>
"""
URI_TOO_LONG_PAGE = """<html>
  <head>
    <title>URI Too Long</title>
  </head>
  <body>
    <h1><p>URI Too Long</p></h1>
    Request Line is too large ({length} &gt; {limit})
  </body>
</html>
"""


class ApiError(Exception):
    """An answer that is not the one asked for."""

    def __init__(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body
        self.headers = headers or {}


class UnauthorizedError(ApiError):
    """401: the token is missing, unknown, too old, or its user is switched off."""

    def __init__(self, detail: str) -> None:
        super().__init__(401, {"detail": detail}, {"WWW-Authenticate": "Token"})


class ForbiddenError(ApiError):
    """403: seen, but not to be done by this user."""

    def __init__(self, detail: str = "You do not have permission to perform this action.") -> None:
        super().__init__(403, {"detail": detail})


class NotFoundError(ApiError):
    """404: unknown, malformed, or not to be seen by this user."""

    def __init__(self, detail: str = "Not found.") -> None:
        super().__init__(404, {"detail": detail})


class MethodNotAllowedError(ApiError):
    """405: the path knows no such method."""

    def __init__(self, method: str, known: list[str]) -> None:
        super().__init__(405, {"detail": f'Method "{method}" not allowed.'}, {"Allow": ", ".join(known)})


class ConflictError(ApiError):
    """409: the allocation's state does not lead there."""

    def __init__(self, detail: str) -> None:
        super().__init__(409, {"detail": detail})


class RefusedError(ApiError):
    """400, in one of its shapes: what the body is, is what the caller gets."""

    def __init__(self, body: object) -> None:
        super().__init__(400, body)


class BrokenServerError(Exception):
    """Where the real server fails with a 500: its own code breaks there, so does ours."""


class TransitionError(BrokenServerError):
    """A state that does not lead to the one asked for, noticed too late to be a 409."""

    def __init__(self, state: str, method: str) -> None:
        super().__init__(f"Can't switch from state '{state}' using method '{method}'")
