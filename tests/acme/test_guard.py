"""No answer of a CA leads our requests away from the CA."""

import pytest

from certwatch.acme.guard import at_home
from certwatch.errors import RenewalError

DIRECTORY = "https://acme-v02.api.letsencrypt.org/directory"


@pytest.mark.parametrize(
    "url",
    [
        "https://acme-v02.api.letsencrypt.org/acme/order/1/2",
        "https://acme-v02.api.letsencrypt.org:443/x?y=z",
        "https://ari.letsencrypt.org/x",
    ],
)
def test_the_cas_own_addresses_are_asked(url: str) -> None:
    assert at_home(url, DIRECTORY) == url


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.test/",
        "https://letsencrypt.org.evil.test/",
        "https://notletsencrypt.org/",
        "http://acme-v02.api.letsencrypt.org/",
        "https://acme-v02.api.letsencrypt.org:8443/",
        "https://user@acme-v02.api.letsencrypt.org/",
        "https://evil.test\\@acme-v02.api.letsencrypt.org/",
        "https://acme-v02.api.letsencrypt.org@evil.test/",
        "https://acme-v02.api.letsencrypt.org:99999/",
        "https://[::1/",
        "https://127.0.0.1/",
        "file:///etc/passwd",
        "//acme-v02.api.letsencrypt.org/",
        "/acme/order/1",
        "https://acme-v02.api.letsencrypt.org/\nHost: evil.test",
        "https://acme\u200b-v02.api.letsencrypt.org/",
        "",
        None,
        7,
        ["https://acme-v02.api.letsencrypt.org/"],
    ],
)
def test_every_other_address_is_refused(url: object) -> None:
    with pytest.raises(RenewalError, match="not its own") as told:
        at_home(url, DIRECTORY)
    assert told.value.blame == "ca"


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("https://127.0.0.1:14000/dir", "https://10.0.0.1:14000/"),
        ("https://localhost:14000/dir", "https://other.localhost:14000/"),
        ("https://[::1]:14000/dir", "https://[::2]:14000/"),
        ("https://ca.github.io/dir", "https://evil.github.io/"),
    ],
)
def test_addresses_and_hosts_of_a_shared_suffix_have_no_relatives(here: str, there: str) -> None:
    assert at_home(here, here) == here
    with pytest.raises(RenewalError):
        at_home(there, here)
