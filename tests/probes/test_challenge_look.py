"""The challenge path as a CA asks it, on every address; and what is made of the answers."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from certwatch.acme.responder import Responder
from certwatch.core.identify import Questions
from certwatch.core.model import Failure, HttpView, TrackingDomain, TrustVerdict
from certwatch.core.model import Path as Verified
from certwatch.core.precheck import challenge_fault
from certwatch.probes.look import NetworkProber
from tests.probes.authority import issue
from tests.probes.servers import (
    HOST,
    Dns,
    Site,
    Talk,
    running,
    running_dns,
    saying,
    server_context,
)

NAME = "click.brand.test"
TOKEN = "a_token-1"
CONTENT = f"{TOKEN}.thumbprint"
PATH = f"/.well-known/acme-challenge/{TOKEN}"


@dataclass
class Place:
    """One domain whose addresses are all on loopback, on two ports."""

    dns: Dns
    site: Site
    https_port: int
    http_port: int
    stack: AsyncExitStack

    def answer(self, target: str, status: int, body: str = "", location: str = "") -> None:
        headers = {"Location": location} if location else {}
        self.site.pages[NAME, target] = (status, headers, body)

    async def also(self, address: str, talk: Talk | None) -> None:
        """One more address of the domain; without a talk nobody listens there."""
        self.dns.host(NAME, address)
        if talk is not None:
            await self.stack.enter_async_context(running(talk, host=address, port=self.http_port))

    async def views(self, **options: object) -> tuple[HttpView, ...]:
        settings = {
            "ask": lambda domain, seen: Questions(),
            "verify": lambda chain, at: Verified(TrustVerdict.UNTRUSTED),
            "nameservers": [(HOST, self.dns.port)],
            "dns_timeout": timedelta(seconds=2),
            "https_port": self.https_port,
            "http_port": self.http_port,
            "timeout": timedelta(seconds=1),
            "allow_private_addresses": True,
        }
        async with NetworkProber(**(settings | options)).sweep() as looks:  # type: ignore[arg-type]
            return await looks.challenge(TrackingDomain(name=NAME), TOKEN)

    async def fault(self) -> str:
        found = challenge_fault(await self.views(), CONTENT)
        assert found is not None
        summary, remedy, facts = found
        assert remedy
        assert facts["addresses"]
        return summary


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    site = Site()
    context: ssl.SSLContext = server_context(issue("wrong.test").save(tmp_path))
    async with AsyncExitStack() as stack:
        dns = await stack.enter_async_context(running_dns())
        https = await stack.enter_async_context(running(site.talk, context))
        clear = await stack.enter_async_context(running(site.talk))
        dns.host(NAME)
        place = Place(dns, site, https, clear, stack)
        place.answer(PATH, 200, CONTENT)
        yield place


async def test_a_planted_token_that_comes_back_is_no_fault(place: Place) -> None:
    (view,) = await place.views()
    assert (view.url, view.status, view.body) == (f"http://{NAME}{PATH}", 200, CONTENT)
    assert challenge_fault([view], CONTENT) is None
    assert place.site.requests == [("http", NAME, PATH)]


async def test_white_space_at_the_end_is_fine_as_it_is_for_the_ca(place: Place) -> None:
    place.answer(PATH, 200, CONTENT + "\r\n\t ")
    assert challenge_fault(await place.views(), CONTENT) is None


async def test_every_address_of_both_families_is_asked(place: Place) -> None:
    await place.also("127.0.0.2", place.site.talk)
    await place.also("::1", place.site.talk)
    views = await place.views()
    assert [view.address for view in views] == [HOST, "127.0.0.2", "::1"]
    assert challenge_fault(views, CONTENT) is None


async def test_the_one_address_that_does_something_else_is_named(place: Place) -> None:
    await place.also("127.0.0.2", None)
    assert "127.0.0.2 refuses the connection" in await place.fault()
    await place.also("127.0.0.3", saying(b"SSH-2.0-OpenSSH\r\n\r\n"))
    found = challenge_fault(await place.views(), CONTENT)
    assert found is not None
    assert set(found[2]["addresses"]) == {"127.0.0.2", "127.0.0.3"}
    assert "open the http port of 127.0.0.2" in found[1]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_the_redirects_that_the_ca_follows_are_followed_whatever_the_certificate(
    place: Place, status: int
) -> None:
    place.answer(PATH, status, location=f"https://{NAME}/elsewhere?x=1")
    place.answer("/elsewhere?x=1", 200, CONTENT)
    assert challenge_fault(await place.views(), CONTENT) is None
    assert place.site.requests[-1] == ("https", NAME, "/elsewhere?x=1")


async def test_other_kinds_are_not(place: Place) -> None:
    place.answer(PATH, 303, location="/elsewhere")
    place.answer("/elsewhere", 200, CONTENT)
    assert f"{HOST} redirects to http://{NAME}/elsewhere" in await place.fault()


async def test_ten_redirects_are_followed_and_no_more(place: Place) -> None:
    place.answer(PATH, 302, location="/0")
    for n in range(9):
        place.answer(f"/{n}", 302, location=f"/{n + 1}")
    place.answer("/9", 200, CONTENT)
    assert challenge_fault(await place.views(), CONTENT) is None
    place.answer("/9", 302, location="/10")
    place.answer("/10", 200, CONTENT)
    assert f"redirects to http://{NAME}/10" in await place.fault()


async def test_a_loop_ends(place: Place) -> None:
    place.answer(PATH, 302, location=PATH)
    assert "redirects to" in await place.fault()


@pytest.mark.parametrize(
    "location", ["https://evil.test/", "//evil.test/", f"http://{NAME}:22/", "http://127.0.0.1/"]
)
async def test_another_host_or_port_is_shown_and_never_asked(place: Place, location: str) -> None:
    place.answer(PATH, 302, location=location)
    assert "redirects to" in await place.fault()
    assert len(place.site.requests) == 1


async def test_the_remedy_for_a_redirect_off_the_host_names_it(place: Place) -> None:
    place.answer(PATH, 302, location="https://login.test/?next=x")
    found = challenge_fault(await place.views(), CONTENT)
    assert found is not None
    assert "redirects to https://login.test/?next=x" in found[0]
    assert f"on {NAME} itself" in found[1]


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (404, "no", "answers 404"),
        (403, CONTENT, "answers 403"),
        (200, "<html>parked</html>", "answers 200 with '<html>parked</html>'"),
        (200, TOKEN + ".other", f"answers 200 with '{TOKEN}.other'"),
        (200, CONTENT + "x", "answers 200 with"),
        (200, "", "answers 200 with ''"),
        (503, "", "answers 503"),
    ],
)
async def test_what_came_instead_is_told(place: Place, status: int, body: str, words: str) -> None:
    place.answer(PATH, status, body)
    assert words in await place.fault()


async def test_what_came_after_a_redirect_is_told_with_the_way(place: Place) -> None:
    place.answer(PATH, 308, location=f"https://{NAME}/x")
    assert f"{HOST} answers 404 (redirected to https://{NAME}/x)" in await place.fault()


async def test_a_silent_address_costs_its_timeout_and_no_more(place: Place) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    await place.also("127.0.0.2", silent)
    async with asyncio.timeout(20):
        assert "127.0.0.2 does not answer in time" in await place.fault()


async def test_an_endless_body_is_cut(place: Place) -> None:
    await place.also("127.0.0.2", saying(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 1_000_000))
    views = await place.views()
    assert len(views[1].body) <= 4096
    found = challenge_fault(views, CONTENT)
    assert found is not None
    assert len(found[0]) < 300


async def test_a_name_without_addresses_has_no_views(place: Place) -> None:
    place.dns.zone.clear()
    assert await place.views() == ()
    found = challenge_fault((), CONTENT)
    assert found is not None
    assert "no address" in found[0]


async def test_a_private_address_is_not_asked(place: Place) -> None:
    views = await place.views(allow_private_addresses=False)
    assert views[0].trouble is not None
    assert views[0].trouble.kind is Failure.FORBIDDEN
    found = challenge_fault(views, CONTENT)
    assert found is not None
    assert "no CA can reach" in found[0]
    assert "probe.allow_private_addresses = true" in found[1]
    assert place.site.requests == []


async def test_our_own_responder_passes(place: Place) -> None:
    planted = {(NAME, TOKEN): CONTENT}

    def answer(host: str, token: str) -> str | None:
        return planted.get((host, token))

    async with Responder((HOST, 0), answer, lambda host: True) as responder:
        place.http_port = responder.port
        assert challenge_fault(await place.views(), CONTENT) is None
        planted.clear()
        assert "answers 404" in await place.fault()
