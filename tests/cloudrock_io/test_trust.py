"""Whom the door trusts: certificates, redirects, and who gets to see the token."""

from __future__ import annotations

import logging
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from cloudrock_io.client import Cloudrock
from cloudrock_io.errors import CloudrockError, CloudrockMisconfigured, CloudrockUnavailable
from cloudrock_io.repeating import Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Answer, Server


RESOURCE = "9d5b9e22029347a89e1076dac036d1ec"
SECRET = "0123456789abcdef0123456789abcdef01234567"  # noqa: S105  # no server knows it


def ask(cloudrock: Cloudrock) -> object:
    return cloudrock.fetch_team(RESOURCE)


def test_the_token_does_not_follow_a_redirect(
    server: Server, cloudrock: Cloudrock, answer: type[Answer]
) -> None:
    server.will_answer(answer(301, "", {"Location": "https://elsewhere.example.com/api/?next=1"}))
    with pytest.raises(CloudrockMisconfigured) as caught:
        ask(cloudrock)
    assert "redirects to https://elsewhere.example.com/api/, and the token is not sent" in str(caught.value)
    assert len(server.requests) == 1


def test_a_server_that_repeats_the_token_does_not_get_it_into_the_message(
    server: Server,
    cloudrock: Cloudrock,
    answer: type[Answer],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    server.will_answer(answer(400, {"detail": f"what is {SECRET}?", "x": "y" * 280 + SECRET}))
    with pytest.raises(CloudrockError, match=r"what is \(token\)\?") as caught:
        ask(cloudrock)
    assert SECRET not in caplog.text
    assert SECRET[:8] not in repr(vars(caught.value))
    assert caught.value.__context__ is None


def test_a_netrc_does_not_replace_the_token_and_cookies_are_not_kept(
    server: Server,
    cloudrock: Cloudrock,
    answer: type[Answer],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    server.will_answer(answer(200, [], {"Set-Cookie": "sessionid=1; Path=/"}))
    ask(cloudrock)
    ask(cloudrock)
    assert server.requests[1].headers["Authorization"] == f"token {SECRET}"
    assert "Cookie" not in server.requests[1].headers


@pytest.fixture(scope="module")
def untrusted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An https server whose certificate nobody signed."""
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    subprocess.run([*command, "-keyout", key, "-out", certificate, *subject], check=True, capture_output=True)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"[]")

        def log_message(self, *_: object) -> None:
            pass

    httpd = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"https://127.0.0.1:{httpd.server_address[1]}/api/"
    httpd.shutdown()
    httpd.server_close()
    thread.join()


def test_a_certificate_that_nobody_signed_is_named(untrusted: str, door: Callable[..., Cloudrock]) -> None:
    with pytest.raises(CloudrockMisconfigured) as caught:
        ask(door(untrusted))
    assert "its certificate is not trusted (self-signed certificate)" in str(caught.value)
    assert "REQUESTS_CA_BUNDLE" in str(caught.value)


# the library silences this warning for the whole process when it is imported
@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
def test_unverified_means_unverified_whatever_the_environment_says(
    untrusted: str, door: Callable[..., Cloudrock], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    assert ask(door(untrusted, verify_ssl=False)) == []


def test_plain_speech_to_a_tls_port_and_the_other_way_round(
    server: Server, untrusted: str, door: Callable[..., Cloudrock]
) -> None:
    for address in (server.api_url.replace("http:", "https:"), untrusted.replace("https:", "http:")):
        with pytest.raises(CloudrockUnavailable, match="the connection broke"):
            ask(door(address, patience=Patience(attempts=1, read_timeout=1)))


def test_the_environment_of_the_library_is_not_asked_for_verification() -> None:
    with Cloudrock(
        "https://host/api/", SECRET, RESOURCE, connect_timeout=1, read_timeout=2, attempts=3
    ) as one:
        assert (one.patience.connect_timeout, one.patience.read_timeout, one.patience.attempts) == (1, 2, 3)


def test_a_ca_bundle_that_is_not_there_is_named(
    untrusted: str, door: Callable[..., Cloudrock], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/bundle.pem")
    with pytest.raises(CloudrockMisconfigured, match=r"/no/such/bundle\.pem.*REQUESTS_CA_BUNDLE"):
        ask(door(untrusted))
