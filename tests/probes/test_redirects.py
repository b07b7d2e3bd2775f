"""Redirects are read step by step, on the same host and the same address only."""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwatch.core.model import Failure, Hop, HttpView
from certwatch.probes.dial import Addresses, Dialler
from certwatch.probes.http import Answer
from certwatch.probes.web import BOTH, CLEAR, Url, Web, split_link
from tests.probes.authority import issue
from tests.probes.servers import HOST, Site, running, server_context

NAME = "click.brand.test"


@dataclass
class Stage:
    """One site on two ports, and how to ask it."""

    site: Site
    https_port: int
    http_port: int

    def go(self, target: str, location: str, status: int = 302) -> None:
        self.site.pages[NAME, target] = (status, {"Location": location}, "")

    async def ask(self, url: str, follow: Collection[str] = BOTH) -> HttpView:
        shared = Addresses(timeout=2, per_address=8, allow_private=True)
        ports = {"https_port": self.https_port, "http_port": self.http_port}
        web = Web(Dialler(shared), **ports, agent="certwatch/test")
        scheme, _, rest = url.partition("://")
        return await web.view(HOST, Url(scheme, NAME, rest.removeprefix(NAME)), follow)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    site = Site()
    site.pages[NAME, "/end"] = (200, {"Server": "nginx"}, "arrived")
    context = server_context(issue(NAME).save(tmp_path))
    async with running(site.talk, context) as https, running(site.talk) as clear:
        yield Stage(site, https, clear)


async def test_redirects_on_the_host_are_followed(stage: Stage) -> None:
    stage.go("/", "/next?a=1")
    stage.go("/next?a=1", f"https://{NAME}:443/end#part", 308)
    seen = await stage.ask(f"https://{NAME}/")
    assert (seen.status, seen.body, seen.url) == (200, "arrived", f"https://{NAME}/")
    assert seen.header("server") == "nginx"
    assert seen.hops == (
        Hop(f"https://{NAME}/", 302, "/next?a=1"),
        Hop(f"https://{NAME}/next?a=1", 308, f"https://{NAME}:443/end#part"),
    )


async def test_both_schemes_are_followed_where_both_may(stage: Stage) -> None:
    stage.go("/", f"https://{NAME}:{stage.https_port}/end")
    assert (await stage.ask(f"http://{NAME}/")).status == 200
    assert [scheme for scheme, _, _ in stage.site.requests] == ["http", "https"]


async def test_port_80_does_not_follow_to_https(stage: Stage) -> None:
    stage.go("/", "/clear")
    stage.go("/clear", f"https://{NAME}/end", 301)
    seen = await stage.ask(f"http://{NAME}/", CLEAR)
    assert (seen.status, seen.header("location")) == (301, f"https://{NAME}/end")
    assert [hop.url for hop in seen.hops] == [f"http://{NAME}/"]


@pytest.mark.parametrize(
    "location",
    [
        "https://evil.test/",
        "//evil.test/",
        "http://127.0.0.1/",
        "http://169.254.169.254/latest/meta-data",
        f"https://{NAME}:22/",
        f"https://{NAME}@evil.test/",
        f"ftp://{NAME}/",
        "http://[::1",
        f"https://{NAME}:99999/",
        "https:///evil.test/",
        "///evil.test/",
        "/\\evil.test/",
        "/" + "x" * 3000,
    ],
)
async def test_a_redirect_off_the_host_ends_the_look(stage: Stage, location: str) -> None:
    stage.go("/", location)
    seen = await stage.ask(f"https://{NAME}/")
    assert (seen.status, seen.header("location"), seen.hops) == (302, location, ())
    assert len(stage.site.requests) == 1


async def test_a_loop_ends_when_a_location_returns(stage: Stage) -> None:
    stage.go("/", "/a")
    stage.go("/a", "/")
    seen = await stage.ask(f"https://{NAME}/")
    assert [hop.location for hop in seen.hops] == ["/a", "/", "/a"]
    assert seen.status == 302


async def test_at_most_five_hops(stage: Stage) -> None:
    for n in range(10):
        stage.go(f"/{n}", f"/{n + 1}")
    assert len((await stage.ask(f"https://{NAME}/0")).hops) == 5


async def test_a_failure_behind_a_redirect_keeps_the_hops(stage: Stage) -> None:
    stage.go("/", f"http://{NAME}:{stage.http_port}/x")
    stage.http_port = 1
    stage.go("/", f"http://{NAME}/x")
    seen = await stage.ask(f"https://{NAME}/")
    assert seen.trouble is not None
    assert seen.trouble.kind is Failure.REFUSED
    assert len(seen.hops) == 1


async def test_an_unsafe_location_is_quoted(stage: Stage) -> None:
    stage.go("/", "/a b\x01<é>")
    await stage.ask(f"https://{NAME}/")
    assert stage.site.requests[-1][2].startswith("/a%20b%01%3C")


@given(
    st.text(max_size=80), st.sampled_from(["", "//", "https://", "http://[", f"https://{NAME}:"])
)
def test_any_location_is_off_the_host_or_on_it(text: str, prefix: str) -> None:
    web = Web.__new__(Web)
    web._ports = {"https": 443, "http": 80}
    answer = Answer(302, (("location", prefix + text),), b"", True)
    onward = web._onward(Url("https", NAME, "/"), answer)
    assert onward is None or (onward.host == NAME and onward.target.isascii())


def test_a_sample_link_is_split() -> None:
    assert split_link("https://Click.brand.test/a/b?c=d#e") == (NAME, "/a/b?c=d")
    assert split_link("https://click.brand.test") == (NAME, "/")
