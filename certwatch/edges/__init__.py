"""The CDNs and gateways that certwatch knows, one a file.

Order decides where an answer carries the marks of two: the one that stands in front comes first.
"""

from certwatch.edges.akamai import AKAMAI
from certwatch.edges.apigateway import APIGATEWAY
from certwatch.edges.azure import AZURE
from certwatch.edges.bunny import BUNNY
from certwatch.edges.cloudflare import CLOUDFLARE
from certwatch.edges.cloudfront import CLOUDFRONT
from certwatch.edges.fastly import FASTLY
from certwatch.edges.google import GOOGLE
from certwatch.edges.keycdn import KEYCDN
from certwatch.edges.netlify import NETLIFY
from certwatch.edges.vercel import VERCEL

EDGES = (
    CLOUDFLARE,
    CLOUDFRONT,
    FASTLY,
    AKAMAI,
    AZURE,
    BUNNY,
    KEYCDN,
    VERCEL,
    NETLIFY,
    APIGATEWAY,
    GOOGLE,
)
