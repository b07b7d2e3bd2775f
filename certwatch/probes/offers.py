"""What certwatch offers in a TLS handshake; the contexts are made once and shared by all."""

from enum import Enum
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL

_ANY_CIPHER = b"ALL:!aNULL:!eNULL:@SECLEVEL=0"  # weak servers must be seen, not refused


class Offer(Enum):
    """The ways to say hello.

    ``USUAL`` is TLS 1.2 and 1.3 with one group, P-256, which nearly every server has: OpenSSL's own
    first choice, a post-quantum hybrid, costs a third more per handshake. ``EVERY_GROUP`` is for
    the rest. ``LEGACY`` is TLS 1.0 and 1.1 alone (RFC 8996).
    """

    USUAL = (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION)
    EVERY_GROUP = (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION, "every group")
    LEGACY = (SSL.TLS1_VERSION, SSL.TLS1_1_VERSION)


@cache
def context(offer: Offer) -> SSL.Context:
    """The context of an offer. Nothing is verified: a wrong certificate is what we look for."""
    made = SSL.Context(SSL.TLS_CLIENT_METHOD)
    made.set_verify(SSL.VERIFY_NONE)
    made.set_cipher_list(_ANY_CIPHER)
    made.set_options(SSL.OP_LEGACY_SERVER_CONNECT)
    made.set_alpn_protos([b"http/1.1"])
    made.set_min_proto_version(offer.value[0])
    made.set_max_proto_version(offer.value[1])
    if offer is Offer.USUAL:
        made.set_tmp_ecdh(ec.SECP256R1())
    return made
