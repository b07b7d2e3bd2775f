"""Edges forward to origins and fail like the CDNs that they imitate."""

import pytest

from certwatch.core.model import Mode
from certwatch.lab.edges import IMITATIONS
from certwatch.lab.http import Request, Response
from certwatch.lab.origins import DESTINATION
from certwatch.lab.plants import PLANTS
from certwatch.lab.sites import Quirk
from certwatch.lab.tls import TlsFault
from certwatch.lab.truth import Plant
from certwatch.lab.world import World
from tests.lab.clients import get, get_plain

NAME = "click.brand.test"


def planted(at: str, origin: str, *quirks: Quirk) -> Plant:
    return Plant(name=NAME, story="", at=(at,), origin=origin, quirks=quirks, sample=True)


async def answers(world: World, plant: Plant) -> tuple[int, dict[str, str], str]:
    """What the plant's sample link comes to."""
    world.plant(plant)
    link = world.sample_link(plant) or ""
    return await get(world, plant.at[0], NAME, link.removeprefix(f"https://{NAME}"))


@pytest.mark.parametrize("edge", [row.name for row in IMITATIONS])
async def test_an_unknown_host_gets_the_edges_own_page(world: World, edge: str) -> None:
    imitation = next(row for row in IMITATIONS if row.name == edge)
    status, headers, body = await get_plain(world, edge, "nobody.test")
    assert (status, body) == (imitation.unknown.status, imitation.unknown.body)
    assert dict(imitation.headers).items() <= headers.items()


@pytest.mark.parametrize(
    ("edge", "origin"),
    [
        ("cloudfront", "spgo.io"),
        ("cloudflare", "eu.spgo.io"),
        ("fastly", "sendgrid.net"),
        ("bunny", "r.us-east-1.awstrack.me"),
        ("proxy", "mailgun.org"),  # over plain HTTP
    ],
)
async def test_a_link_arrives_through_the_edge(world: World, edge: str, origin: str) -> None:
    status, headers, _ = await answers(world, planted(edge, origin))
    assert (status, headers["location"]) == (302, DESTINATION)
    assert headers["strict-transport-security"]


@pytest.mark.parametrize(
    ("edge", "origin", "status", "part"),
    [
        ("cloudflare", "down.origin.test", 521, "Web server is down"),
        ("cloudflare", "expired.origin.test", 526, "Invalid SSL certificate"),
        ("cloudfront", "down.origin.test", 502, "attempted to establish a connection"),
        ("cloudfront", "expired.origin.test", 502, "wasn't able to connect to the origin"),
        ("akamai", "expired.origin.test", 503, "Reference #30"),
        ("fastly", "down.origin.test", 503, "backend fetch failed"),
    ],
)
async def test_a_failing_origin_shows_as_the_edges_page(
    world: World, edge: str, origin: str, status: int, part: str
) -> None:
    got, _, body = await answers(world, planted(edge, origin))
    assert got == status
    assert part in body


@pytest.mark.parametrize(("fault", "status"), [(TlsFault.GARBAGE, 525), (TlsFault.STALL, 522)])
async def test_cloudflare_tells_why_tls_with_the_origin_fails(
    world: World, fault: TlsFault, status: int
) -> None:
    world.servers["spgo.io"].fault = fault
    assert (await answers(world, planted("cloudflare", "spgo.io")))[0] == status


async def test_cloudflare_tells_of_an_origin_that_sends_nothing(world: World) -> None:
    async def gone(request: Request) -> Response:
        raise EOFError

    world.edges["spgo.io"].fallback = gone
    assert (await answers(world, planted("cloudflare", "spgo.io")))[0] == 520


@pytest.mark.parametrize(
    ("quirk", "origin", "status", "part"),
    [
        (Quirk.DROPS_HOST, "sendgrid.net", 404, "Bad Hostname in Link"),
        (Quirk.LOWERS_CASE, "sendgrid.net", 404, "Wrong Link"),
        (Quirk.DROPS_QUERY, "track.customer.io", 200, "ok"),
        (Quirk.OTHER_SITE, "spgo.io", 200, "hello"),
    ],
)
async def test_a_link_that_is_damaged_on_the_way(
    world: World, quirk: Quirk, origin: str, status: int, part: str
) -> None:
    got, headers, body = await answers(world, planted("proxy", origin, quirk))
    assert got == status
    assert part in body
    assert "location" not in headers


async def test_quirks_of_a_site(world: World) -> None:
    world.plant(planted("proxy", "spgo.io", Quirk.LOOP, Quirk.WAF, Quirk.PINNED))
    _, headers, _ = await get(world, "proxy", NAME, "/x")
    assert headers["location"] == f"https://{NAME}/x"
    assert "public-key-pins" in headers
    assert (await get_plain(world, "proxy", NAME, "/.well-known/acme-challenge/x"))[0] == 403

    world.plant(planted("proxy", "spgo.io", Quirk.CACHED, Quirk.NO_HSTS, Quirk.OFF_HOST))
    _, headers, _ = await get(world, "proxy", NAME)
    assert (headers["age"], headers["x-cache"]) == ("4711", "HIT")
    assert "strict-transport-security" not in headers
    _, headers, _ = await get_plain(world, "proxy", NAME)
    assert headers["location"] == "https://www.brand.test/"

    world.plant(planted("proxy", "spgo.io", Quirk.NOT_REDIRECTED, Quirk.WRONG_DATE))
    assert (await get_plain(world, "proxy", NAME))[0] == 302
    _, headers, _ = await get(world, "proxy", NAME)
    assert headers["date"] < "Z"


def test_every_quirk_is_planted() -> None:
    assert {quirk for plant in PLANTS for quirk in plant.quirks} == set(Quirk)


async def test_an_esp_serves_its_own_customers_over_https(world: World) -> None:
    plant = Plant(name=NAME, story="", mode=Mode.PROVIDER, at=("v2.spgo.io",))
    world.plant(plant)
    status, headers, body = await get(world, "v2.spgo.io", NAME, "/f/a/b/c/d")
    assert (status, headers["server"], body) == (302, "msys-http", "")
