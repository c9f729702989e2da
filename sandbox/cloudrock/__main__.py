"""python -m sandbox.cloudrock: the stand-in as a process of its own, until it is interrupted."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import sys
import threading
from pathlib import Path

from sandbox.cloudrock.page.views import Surroundings
from sandbox.cloudrock.seed import CASTS
from sandbox.cloudrock.server import HOST, Marketplace

PASSWORD_OF_SERVER, PASSWORD_OF_CLIENTS = "PREFECT_SERVER_API_AUTH_STRING", "PREFECT_API_AUTH_STRING"
"""Both are the same words: Prefect's server asks for the first, and whoever talks to it says the second."""


def main() -> None:
    """Run until SIGINT or SIGTERM. Says where the tokens are, never what they are."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.cloudrock", description=__doc__)
    parser.add_argument(
        "--host", default=HOST, help="a name or address of this host to listen on (default: %(default)s)"
    )
    parser.add_argument("--port", type=int, default=8008, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--database", type=Path, required=True, help="the SQLite file; it keeps its state")
    parser.add_argument(
        "--tokens", type=Path, help="where to write tokens and uuids (default: beside the database)"
    )
    parser.add_argument(
        "--agent-env", type=Path, help="where to write the agent's settings, for it to read as its .env"
    )
    parser.add_argument(
        "--seed", choices=sorted(CASTS), default="demo", help="what an empty database begins with"
    )
    parser.add_argument(
        "--people-suffix", default="", help="what the user names of the project's people end with"
    )
    parser.add_argument(
        "--worker-delay", type=float, default=1.0, help="seconds from approval to the resource"
    )
    parser.add_argument("--prefect-ui", default="", help="the address that the page links to")
    parser.add_argument(
        "--reports", type=Path, help="the folder of the agent's monthly reports, for the page"
    )
    options = parser.parse_args()
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    with Marketplace(
        options.database,
        options.port,
        host=options.host,
        seed_with=options.seed,
        people_suffix=options.people_suffix,
        worker_delay_seconds=options.worker_delay,
        around=Surroundings(options.prefect_ui, options.reports),
    ) as marketplace:
        tokens = options.tokens or options.database.with_suffix(".tokens.json")
        write_tokens(marketplace, tokens)
        if options.agent_env:
            write_agent_env(marketplace, options.agent_env)
        sys.stdout.write(
            f"cloudrock stand-in: {marketplace.api_url} page: {marketplace.page_url} tokens: {tokens}\n"
        )
        sys.stdout.flush()
        stopping.wait()


def write_tokens(marketplace: Marketplace, file: Path) -> None:
    """Everything that another process needs to begin, readable by its owner only."""
    notes = {
        "api_url": marketplace.api_url,
        "page_url": marketplace.page_url,
        "tokens": marketplace.tokens,
        "users": marketplace.users,
        "service_provider_uuid": marketplace.service_provider_uuid,
        "provider_uuid": marketplace.provider_uuid,
        "customer_uuid": marketplace.customer_uuid,
        "project_uuid": marketplace.project_uuid,
        "offering_uuid": marketplace.offering_uuid,
        "plan_uuid": marketplace.plan_uuid,
    }
    write_anew(file, json.dumps(notes, indent=2), 0o600)


def write_agent_env(marketplace: Marketplace, file: Path) -> None:
    """What must agree on all sides: what the running marketplace knows, and the Prefect server's password.

    The file's group may read it as well. The password stays what it was: the server runs on with it.
    """
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    _, _, after = before.partition(f"\n{PASSWORD_OF_CLIENTS}=")
    words = after.partition("\n")[0] or f"sandbox:{secrets.token_urlsafe(24)}"
    settings = {
        "CLOUDROCK_API_URL": marketplace.api_url,
        "CLOUDROCK_API_TOKEN": marketplace.tokens["provider_owner"],
        "CLOUDROCK_OFFERING_UUID": marketplace.offering_uuid,
        PASSWORD_OF_SERVER: words,
        PASSWORD_OF_CLIENTS: words,
    }
    write_anew(file, "".join(f"{name}={value}\n" for name, value in settings.items()), 0o640)


def write_anew(file: Path, text: str, mode: int) -> None:
    """The file has this mode before it holds anything."""
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)


if __name__ == "__main__":
    main()
