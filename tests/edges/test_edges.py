import pytest

from certwatch.core.catalog import matching
from certwatch.core.names import normalise
from certwatch.edges import EDGES
from tests.factories import CATALOG, answer, edge

CODES = {"edge_misconfigured", "origin_down", "origin_certificate", "cname_dangling"}
CLOUDFRONT_ERROR = ("x-cache", "Error from cloudfront")
CLOUDFLARE = ("server", "cloudflare")
FASTLY = ("x-served-by", "cache-fra-1")


def test_the_first_set_is_complete():
    assert {row.name for row in EDGES} == {
        "cloudfront", "cloudflare", "fastly", "keycdn", "google", "azure",
        "akamai", "bunny", "vercel", "netlify", "apigateway",
    }  # fmt: skip


@pytest.mark.parametrize("row", EDGES, ids=lambda row: row.name)
def test_a_row_is_well_formed(row):
    assert row.title
    assert row.source
    assert row.headers
    assert row.cname_suffixes or row.by_address
    for suffix in (*row.cname_suffixes, *row.nameserver_suffixes):
        assert normalise(suffix.removeprefix("."))
    for name, _ in row.headers:
        assert name == name.lower()
    for mark in row.signatures:
        assert mark.check in CODES
        assert mark.meaning
        assert mark.remedy
        assert mark.body or mark.header, "a bare status is everybody's"


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("d111.cloudfront.net", "cloudfront"),
        ("click.brand.test.cdn.cloudflare.net", "cloudflare"),
        ("x.sni.global.fastly.net", "fastly"),
        ("dualstack.nonssl.global.fastly.net", "fastly"),
        ("brand-1a2b.kxcdn.com", "keycdn"),
        ("brand.azurefd.net", "azure"),
        ("brand.azureedge.net", "azure"),
        ("brand.test.edgekey.net", "akamai"),
        ("brand.test.edgesuite.net", "akamai"),
        ("e1.a.akamaiedge.net", "akamai"),
        ("brand.b-cdn.net", "bunny"),
        ("cname.vercel-dns.com", "vercel"),
        ("brand.netlify.app", "netlify"),
        ("d-1.execute-api.eu-west-1.amazonaws.com", "apigateway"),
        ("cloudfront.net", None),
        ("evilcloudfront.net", None),
        ("s3.eu-west-1.amazonaws.com", None),
    ],
)
def test_targets(target, name):
    row = CATALOG.edge_of(target)
    assert (row.name if row else None) == name


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (("x-amz-cf-pop", "FRA60"), "cloudfront"),
        (("via", "1.1 x.cloudfront.net (CloudFront)"), "cloudfront"),
        (("cf-ray", "1-FRA"), "cloudflare"),
        (FASTLY, "fastly"),
        (("server", "keycdn-engine"), "keycdn"),
        (("via", "1.1 google"), "google"),
        (("x-azure-ref", "1"), "azure"),
        (("server", "AkamaiGHost"), "akamai"),
        (("server", "BunnyCDN-DE1-1048"), "bunny"),
        (("x-vercel-id", "fra1"), "vercel"),
        (("x-nf-request-id", "01J"), "netlify"),
        (("x-amzn-errortype", "ForbiddenException"), "apigateway"),
    ],
)
def test_headers(header, name):
    assert [row.name for row in EDGES if row.marked(answer(200, header))] == [name]


@pytest.mark.parametrize(
    "header", [("via", "1.1 varnish"), ("server", "nginx"), ("x-cache", "HIT")]
)
def test_marks_that_prove_nothing(header):
    assert not [row.name for row in EDGES if row.marked(answer(200, header))]


@pytest.mark.parametrize(
    ("name", "sample", "check"),
    [
        ("cloudfront", answer(403, CLOUDFRONT_ERROR, body="Bad request."), "edge_misconfigured"),
        ("cloudfront", answer(403, CLOUDFRONT_ERROR, body="Request blocked."), None),
        (
            "cloudfront",
            answer(403, body="CloudFront detected the DNS record for the domain is misconfigured"),
            "edge_misconfigured",
        ),
        ("cloudfront", answer(502, body="NonS3OriginDnsError"), "origin_down"),
        (
            "cloudfront",
            answer(502, body="CloudFront attempted to establish a connection with the origin, but"),
            "origin_down",
        ),
        ("cloudfront", answer(502, CLOUDFRONT_ERROR), "origin_certificate"),
        ("cloudfront", answer(504, CLOUDFRONT_ERROR), "origin_down"),
        ("cloudfront", answer(302, ("x-cache", "Miss from cloudfront")), None),
        ("cloudflare", answer(403, ("cf-error-type", "1014")), "edge_misconfigured"),
        ("cloudflare", answer(403, CLOUDFLARE, body="error code: 1000"), "edge_misconfigured"),
        ("cloudflare", answer(409, CLOUDFLARE, body="error code: 1001"), "edge_misconfigured"),
        ("cloudflare", answer(530, CLOUDFLARE, body="error code: 1016"), "origin_down"),
        ("cloudflare", answer(530, CLOUDFLARE), "edge_misconfigured"),
        *(("cloudflare", answer(n, CLOUDFLARE), "origin_down") for n in range(520, 526)),
        ("cloudflare", answer(526, CLOUDFLARE), "origin_certificate"),
        ("cloudflare", answer(526), None),
        ("cloudflare", answer(404, CLOUDFLARE), None),
        ("fastly", answer(500, body="Fastly error: unknown domain: x"), "edge_misconfigured"),
        ("fastly", answer(421, FASTLY), "edge_misconfigured"),
        ("fastly", answer(503, FASTLY), "origin_down"),
        ("fastly", answer(500, FASTLY), None),
        (
            "keycdn",
            answer(403, body="The access to the resource has been denied."),
            "edge_misconfigured",
        ),
        ("keycdn", answer(500, body="Origin Error"), "origin_down"),
        ("google", answer(502, ("via", "1.1 google")), "origin_down"),
        ("google", answer(404, body="default backend NotFound"), "edge_misconfigured"),
        (
            "azure",
            answer(400, body="Our services aren't available right now"),
            "edge_misconfigured",
        ),
        (
            "azure",
            answer(404, body="Our services aren't available right now"),
            "edge_misconfigured",
        ),
        (
            "azure",
            answer(503, ("x-azure-externalerror", "OriginInvalidResponse")),
            "origin_certificate",
        ),
        ("azure", answer(503, body="OriginInvalidResponse"), "origin_certificate"),
        ("azure", answer(504, ("x-azure-ref", "1")), "origin_down"),
        ("akamai", answer(503, body="Reference #30.1"), "origin_certificate"),
        ("akamai", answer(503, ("server", "AkamaiGHost"), body="Reference #11"), "origin_down"),
        ("akamai", answer(400, body="Invalid URL ... Reference #9"), "edge_misconfigured"),
        ("bunny", answer(403, body="Domain suspended or not configured"), "edge_misconfigured"),
        ("vercel", answer(404, body="DEPLOYMENT_NOT_FOUND"), "cname_dangling"),
        ("netlify", answer(404, body="Not Found - Request ID: 01J"), "cname_dangling"),
        (
            "apigateway",
            answer(403, body='{"message":"Missing Authentication Token"}'),
            "edge_misconfigured",
        ),
        (
            "apigateway",
            answer(403, ("x-amzn-errortype", "ForbiddenException")),
            "edge_misconfigured",
        ),
    ],
)
def test_error_pages(name, sample, check):
    found = matching(edge(name).signatures, sample)
    assert (found.check if found else None) == check


def test_cloudfront_carries_a_hundred_names():
    assert edge("cloudfront").alias_limit == 100


def test_a_view_without_an_answer_matches_nothing():
    marks = [mark for row in EDGES for mark in row.signatures]
    assert matching(marks, answer(status=None)) is None
