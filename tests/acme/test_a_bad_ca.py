"""A CA that limits, fails, lies, floods or stays silent costs an attempt and nothing more."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import trustme

from certwatch.acme.client import CaIssuer
from certwatch.acme.network import MAX_BYTES
from certwatch.errors import RenewalError
from certwatch.ports import OrderStatus
from tests.acme.a2c import Acme2Certifier
from tests.acme.between import Asked, Between, Reply, between
from tests.acme.issuers import NAME, Answers, issuer, ready, serving, valid
from tests.acme.pebble import Pebble, free_ports

CONTACT = "ops@brand.com"


@pytest.fixture
def wire(ari_ca: Acme2Certifier) -> Iterator[Between]:
    with between(ari_ca.directory) as middle:
        yield middle


@pytest.fixture
def client(wire: Between) -> Iterator[CaIssuer]:
    with issuer(wire.directory, contact=CONTACT) as made:
        yield made


def failure(client: CaIssuer) -> RenewalError:
    with pytest.raises(RenewalError) as told:
        client.order(NAME, replaces=None)
    return told.value


def issue(client: CaIssuer, answers: Answers) -> None:
    client.certificate(valid(client, ready(client, answers), client.new_key()))


def on(path: str, reply: Reply) -> Callable[[Asked], Reply | None]:
    return lambda asked: reply if asked.path.startswith(path) else None


def test_a_rate_limit_says_when_to_come_back(client: CaIssuer, wire: Between) -> None:
    limit = Reply.problem(429, "rateLimited", "too many new orders", Retry_After="3600")
    wire.meddle = on("/acme/neworders", limit)
    told = failure(client)
    assert (told.kind, told.blame) == ("rateLimited", "ours")
    assert told.retry_at
    assert timedelta(minutes=59) < told.retry_at - datetime.now(UTC) <= timedelta(hours=1)
    wire.meddle = lambda asked: None
    assert client.order(NAME, replaces=None).url


def test_a_busy_ca_that_speaks_no_acme_is_waited_for_too(client: CaIssuer, wire: Between) -> None:
    busy = Reply(503, b"<html>busy</html>", {"Retry-After": "120"})
    for path in ("/directory", "/acme/newnonce", "/acme/neworders"):
        wire.meddle = on(path, busy)
        told = failure(client)
        assert (told.kind, told.blame) == ("ca_error", "ca")
        assert told.retry_at
        assert told.retry_at > datetime.now(UTC) + timedelta(minutes=1)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, b"<html>Welcome</html>"),
        Reply(200, b"[]"),
        Reply(200, b"{}"),
        Reply(200, b"[" * 100_000),
        Reply(200, b"\xff\xfe\x00"),
        Reply(404, b"not here"),
        Reply(301, b"", {"Location": "https://evil.test/directory"}),
        Reply(200, json.dumps({"newNonce": 1, "newAccount": 2, "newOrder": 3}).encode()),
    ],
)
def test_what_is_no_directory_is_told_with_the_setting(
    client: CaIssuer, wire: Between, reply: Reply
) -> None:
    wire.meddle = on("/directory", reply)
    told = failure(client)
    assert (told.kind, told.blame) == ("ca_error", "ca")
    assert "acme.directory" in told.remedy
    wire.meddle = lambda asked: None
    assert client.order(NAME, replaces=None).url  # the directory is asked for again


@pytest.mark.parametrize(
    "field", ["newNonce", "newAccount", "newOrder", "authorizations", "finalize", "certificate"]
)
def test_no_address_of_somebody_else_is_asked(
    client: CaIssuer, wire: Between, answers: Answers, field: str
) -> None:
    touched = []

    class Victim(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            touched.append(self.path)

        do_POST = do_HEAD = do_GET

    def lead_away(asked: Asked, reply: Reply) -> Reply:
        try:
            document = json.loads(reply.body)
        except ValueError:
            return reply
        if field not in document:
            return reply
        document[field] = [elsewhere] if field == "authorizations" else elsewhere
        return Reply(reply.status, json.dumps(document).encode(), reply.headers)

    wire.alter = lead_away
    with serving(Victim) as port:
        elsewhere = f"http://127.0.0.1:{port}/admin"
        with pytest.raises(RenewalError, match="not its own"):
            issue(client, answers)
    assert not touched


def test_an_order_that_lies_elsewhere_is_not_taken(client: CaIssuer, wire: Between) -> None:
    def lead_away(asked: Asked, reply: Reply) -> Reply:
        if asked.path != "/acme/neworders":
            return reply
        return Reply(reply.status, reply.body, {**reply.headers, "Location": "http://evil.test/"})

    wire.alter = lead_away
    assert "not its own" in str(failure(client))


def test_a_redirect_is_not_followed(client: CaIssuer, wire: Between) -> None:
    wire.meddle = on("/acme/neworders", Reply(307, b"", {"Location": "http://evil.test/x"}))
    told = failure(client)
    assert told.kind == "ca_error"
    assert "evil.test" in str(told)


@pytest.mark.parametrize(
    "change",
    [
        {"status": "perhaps"},
        {"status": ["pending"]},
        {"identifiers": [{"type": "dns", "value": "other.brand.com"}]},
        {"identifiers": "click.brand.com"},
        {"authorizations": []},
        {"authorizations": [5]},
        {"authorizations": "http"},
        {"finalize": None},
        {"finalize": 5},
    ],
)
def test_an_order_that_makes_no_sense_is_the_cas_mistake(
    client: CaIssuer, wire: Between, change: dict[str, object]
) -> None:
    def twist(asked: Asked, reply: Reply) -> Reply:
        if asked.path != "/acme/neworders":
            return reply
        body = json.dumps({**json.loads(reply.body), **change}).encode()
        return Reply(reply.status, body, reply.headers)

    wire.alter = twist
    told = failure(client)
    assert (told.kind, told.blame) == ("ca_error", "ca")


@pytest.mark.parametrize("token", ["", "../../etc/passwd", "short", "a" * 300, "a b" * 20, 5, None])
def test_a_token_that_could_be_a_path_is_not_answered(
    client: CaIssuer, wire: Between, token: object
) -> None:
    def twist(asked: Asked, reply: Reply) -> Reply:
        if not asked.path.startswith("/acme/authz"):
            return reply
        document = json.loads(reply.body)
        for challenge in document["challenges"]:
            challenge["token"] = token
        return Reply(reply.status, json.dumps(document).encode(), reply.headers)

    wire.alter = twist
    assert failure(client).kind == "ca_error"


def test_a_ca_without_http_challenges_is_told(client: CaIssuer, wire: Between) -> None:
    def twist(asked: Asked, reply: Reply) -> Reply:
        body = reply.body.replace(b"http-01", b"dns-persist-01")
        return Reply(reply.status, body, reply.headers)

    wire.alter = twist
    told = failure(client)
    assert (told.kind, told.blame) == ("unsupportedChallenge", "ours")


@pytest.mark.parametrize(
    "window",
    [
        None,
        {},
        {"start": "2026-01-02T00:00:00Z"},
        {"start": "2026-01-02T00:00:00Z", "end": "2026-01-02T00:00:00Z"},
        {"start": "2026-01-03T00:00:00Z", "end": "2026-01-02T00:00:00Z"},
        {"start": "2026-01-01T00:00:00", "end": "2026-01-02T00:00:00"},
        {"start": "0001-01-01T00:00:00+14:00", "end": "2026-01-02T00:00:00Z"},
        {"start": 1, "end": 2},
    ],
)
def test_a_window_without_sense_is_no_suggestion(
    client: CaIssuer, wire: Between, window: object
) -> None:
    document = json.dumps({"suggestedWindow": window}).encode()
    wire.meddle = on("/acme/renewal-info", Reply(200, document))
    with pytest.raises(RenewalError) as told:
        client.renewal_info("AA.BB")
    assert told.value.kind == "ari"


def test_a_window_is_read_in_any_zone_and_its_explanation_clipped(
    client: CaIssuer, wire: Between
) -> None:
    window = {"start": "2026-01-01T02:00:00.123456789+02:00", "end": "2026-01-02T00:00:00Z"}
    body = {"suggestedWindow": window, "explanationURL": "https://ca.test/\x1b[2J" + "x" * 9999}
    headers = {"Retry-After": "99999999999999999999"}
    wire.meddle = on("/acme/renewal-info", Reply(200, json.dumps(body).encode(), headers))
    info = client.renewal_info("AA.BB")
    assert info
    assert info.start_at == datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)
    assert info.explanation_url.startswith("https://ca.test/[2Jxxx")
    assert len(info.explanation_url) == 500
    assert info.retry_in == timedelta(days=8)


def test_an_answer_without_end_is_cut_off(client: CaIssuer, wire: Between) -> None:
    wire.meddle = on("/directory", Reply(200, b" " * (MAX_BYTES + 1)))
    assert f"larger than {MAX_BYTES} bytes" in str(failure(client))


class Endless(BaseHTTPRequestHandler):
    """Sends a byte now and then, for ever; asked for /flood, as many as it can."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b" " * (65_536 if self.path == "/flood" else 1))
                time.sleep(0 if self.path == "/flood" else 0.05)
        except OSError:
            pass

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_neither_a_flood_nor_a_trickle_holds_us() -> None:
    with serving(Endless) as port:
        for path, kind in (("flood", "ca_error"), ("trickle", "ca_unreachable")):
            began = time.monotonic()
            with issuer(f"http://127.0.0.1:{port}/{path}", timeout=1.0) as client:
                assert failure(client).kind == kind
            assert time.monotonic() - began < 15


def test_a_ca_that_says_nothing_is_left_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/directory"
        began = time.monotonic()
        with issuer(url, timeout=0.5) as client:
            told = failure(client)
    assert (told.kind, told.blame) == ("ca_unreachable", "ca")
    assert "no answer in time" in str(told)
    assert time.monotonic() - began < 15


def test_a_ca_that_is_down_is_the_cas() -> None:
    (port,) = free_ports(1)
    with issuer(f"https://127.0.0.1:{port}/directory") as client:
        told = failure(client)
    assert (told.kind, told.blame) == ("ca_unreachable", "ca")
    assert str(told) == f"127.0.0.1:{port} cannot be asked: no connection (Connection refused)"


def test_a_ca_of_unknown_roots_is_told_with_the_setting(ca: Pebble, tmp_path: Path) -> None:
    with issuer(ca.directory) as client:
        told = failure(client)
    assert (told.kind, told.blame) == ("ca_unreachable", "ca")
    assert "acme.ca_bundle" in told.remedy
    wrong = tmp_path / "wrong.pem"
    trustme.CA().cert_pem.write_to_path(wrong)
    with issuer(ca.directory, ca_bundle=str(wrong)) as client:
        assert failure(client).blame == "ours"


def test_a_ca_bundle_that_cannot_be_used_is_ours(
    ca: Pebble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))
    with issuer(ca.directory) as client:
        told = failure(client)
    assert told.blame == "ours"
    assert "gone.pem cannot be used as trusted roots" in str(told)
    junk = tmp_path / "junk.pem"
    junk.write_text("junk")
    for bundle in (junk, tmp_path / "none.pem"):
        with issuer(ca.directory, ca_bundle=str(bundle)) as client:
            told = failure(client)
        assert (told.kind, told.blame) == ("ca_unreachable", "ours")
        assert str(bundle) in str(told)


def test_roots_are_also_taken_from_the_usual_variable(
    ca: Pebble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", ca.ca_bundle)
    with issuer(ca.directory) as client:
        assert client.order(NAME, replaces=None).url


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://ca.test/directory", "https://"])
def test_a_directory_that_is_no_web_address_is_told(url: str) -> None:
    with issuer(url) as client:
        told = failure(client)
    assert (told.kind, told.blame) == ("ca_unreachable", "ours")
    assert str(told) == "acme.directory is no web address"


def test_no_nonce_at_all_is_the_cas_mistake(client: CaIssuer, wire: Between) -> None:
    wire.meddle = on("/acme/newnonce", Reply(200, b""))
    told = failure(client)
    assert (told.kind, told.blame) == ("ca_error", "ca")


def test_a_nonce_that_is_none_is_made_good_by_the_next(client: CaIssuer, wire: Between) -> None:
    wire.meddle = on("/acme/newnonce", Reply(200, b"", {"Replay-Nonce": "bm9uZQ"}))
    assert client.order(NAME, replaces=None).url


def test_what_was_done_counts_although_the_nonce_is_missing(
    client: CaIssuer, wire: Between
) -> None:
    def forget(asked: Asked, reply: Reply) -> Reply:
        kept = {name: text for name, text in reply.headers.items() if name != "Replay-Nonce"}
        return Reply(reply.status, reply.body, kept) if asked.method == "POST" else reply

    wire.alter = forget
    assert client.order(NAME, replaces=None).url


def test_an_order_that_failed_late_is_told_by_its_own_error(
    client: CaIssuer, wire: Between, answers: Answers
) -> None:
    order = ready(client, answers)

    def fail(asked: Asked, reply: Reply) -> Reply:
        if asked.path not in order.url:
            return reply
        error = {"type": "urn:ietf:params:acme:error:caa", "detail": "forbidden by brand.com"}
        document = {**json.loads(reply.body), "status": "invalid", "error": error}
        return Reply(200, json.dumps(document).encode(), reply.headers)

    wire.alter = fail
    with pytest.raises(RenewalError, match=r"forbidden by brand\.com") as told:
        client.look(order.url, NAME)
    assert (told.value.kind, told.value.blame, told.value.is_final) == ("caa", "customer", True)


@pytest.mark.parametrize(
    ("reply", "is_final"),
    [
        (Reply.problem(404, "malformed", "no such order"), True),
        (Reply(404, b"<html>nginx</html>"), False),  # perhaps a proxy on a bad day
    ],
)
def test_an_order_that_is_gone_is_over_only_when_the_ca_itself_says_so(
    client: CaIssuer, wire: Between, reply: Reply, is_final: bool
) -> None:
    order = client.order(NAME, replaces=None)
    wire.meddle = on("/acme/order", reply)
    with pytest.raises(RenewalError) as told:
        client.look(order.url, NAME)
    assert (told.value.kind, told.value.blame) == ("orderGone", "ca")
    assert told.value.is_final is is_final


def test_a_challenge_that_failed_without_a_reason_is_still_the_customers(
    client: CaIssuer, wire: Between
) -> None:
    order = client.order(NAME, replaces=None)
    wire.alter = lambda asked, reply: Reply(
        reply.status, reply.body.replace(b'"pending"', b'"invalid"'), reply.headers
    )
    with pytest.raises(RenewalError) as told:
        client.look(order.url, NAME)
    assert (told.value.kind, told.value.blame) == ("incorrectResponse", "customer")
    assert told.value.is_final


def test_an_order_that_is_over_without_a_word_is_the_cas(
    client: CaIssuer, wire: Between, answers: Answers
) -> None:
    order = ready(client, answers)
    wire.alter = lambda asked, reply: Reply(
        reply.status, reply.body.replace(b'"ready"', b'"invalid"'), reply.headers
    )
    with pytest.raises(RenewalError) as told:
        client.look(order.url, NAME)
    assert (told.value.kind, told.value.blame) == ("orderInvalid", "ca")
    assert told.value.is_final


def test_an_order_that_was_finalized_in_between_is_gone_on_with(
    client: CaIssuer, wire: Between, answers: Answers
) -> None:
    order = ready(client, answers)

    def finalized(asked: Asked, reply: Reply) -> Reply:
        if sum(one.path.endswith("/finalize") for one in wire.asked) == 0:
            return reply
        return Reply(reply.status, reply.body.replace(b'"ready"', b'"processing"'), reply.headers)

    wire.alter = finalized
    wire.meddle = lambda asked: (
        Reply.problem(403, "orderNotReady") if asked.path.endswith("/finalize") else None
    )
    assert client.finalize(order, client.new_key()).status is OrderStatus.PROCESSING


def test_a_processing_order_says_when_to_look_again(
    client: CaIssuer, wire: Between, answers: Answers
) -> None:
    order = ready(client, answers)
    wire.alter = lambda asked, reply: Reply(
        reply.status,
        reply.body.replace(b'"ready"', b'"processing"'),
        {**reply.headers, "Retry-After": "7"},
    )
    assert client.look(order.url, NAME).retry_in == timedelta(seconds=7)


@pytest.mark.parametrize(
    ("detail", "kind"),
    [
        ("[External Account Binding] Invalid MAC on JWS request", "externalAccountRequired"),
        ("a contact is missing", "invalidContact"),
    ],
)
def test_a_registration_that_is_malformed_is_told_by_what_the_ca_speaks_of(
    wire: Between, detail: str, kind: str
) -> None:
    wire.meddle = lambda asked: (
        Reply.problem(400, "malformed", detail) if "newaccount" in asked.path else None
    )
    with issuer(wire.directory, eab_kid="kid", eab_hmac_key="c2VjcmV0") as client:
        told = failure(client)
    assert (told.kind, told.blame) == (kind, "ours")
