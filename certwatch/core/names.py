"""DNS names: one normal form, and where a customer's own domain begins."""

import re
from functools import lru_cache

import idna
from publicsuffixlist import PublicSuffixList

from certwatch.errors import InvalidName

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def normalise(text: str) -> str:
    """A tracking domain's normal form: lower-case A-labels (IDNA 2008, RFC 5891), no final dot.

    Raises InvalidName for what no certificate authority issues for: IP addresses, wildcards,
    single labels, underscores, labels over 63 or names over 253 octets.
    """
    name = text.strip().removesuffix(".").lower()
    if not name:
        raise InvalidName("the domain name is empty")
    if "://" in name:
        raise InvalidName(f"{text[:80]!r}: a URL; write the host name alone")
    if "*" in name:
        raise InvalidName(
            f"{text!r}: a tracking domain is one host; name each host behind the wildcard"
        )
    name = ".".join(_label(label, text) for label in re.split("[.\u3002\uff0e\uff61]", name))
    if len(name) > 253:
        raise InvalidName(f"{text[:80]!r}...: longer than 253 octets (RFC 1035 section 2.3.4)")
    if "." not in name:
        raise InvalidName(f"{text!r}: one label only; write the full name, such as click.brand.com")
    if name.rpartition(".")[2].isdigit():
        raise InvalidName(f"{text!r}: an IP address, not a DNS name")
    return name


def _label(label: str, text: str) -> str:
    if _LABEL.fullmatch(label) and not label.startswith("xn--"):
        return label
    if not label:
        raise InvalidName(f"{text!r}: an empty label (two dots in a row?)")
    if "_" in label:
        raise InvalidName(
            f"{text!r}: {label!r} has an underscore; no CA issues for such a host name"
        )
    try:
        return idna.encode(label, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        raise InvalidName(f"{text[:80]!r}: {label[:70]!r} is no valid label ({error})") from None


def display(name: str) -> str:
    """The name as its owner writes it, where that is safe to show: U-labels, else as it is."""
    if "xn--" not in name:
        return name
    try:
        return idna.decode(name)
    except (idna.IDNAError, UnicodeError):
        return name


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def registered_domain(name: str) -> str:
    """The registrable part by the Public Suffix List, private section included.

    A name that is itself a public suffix is its own registered domain.
    """
    return _suffixes().privatesuffix(name) or name


def parents(name: str) -> tuple[str, ...]:
    """The name and every name above it, the root left out: ``a.b.c``, ``b.c``, ``c``."""
    labels = name.split(".")
    return tuple(".".join(labels[i:]) for i in range(len(labels)))


def matches(pattern: str, name: str) -> bool:
    """Whether a certificate's DNS name covers a host (RFC 9525 section 6.3): a wildcard is the
    whole left-most label and stands for exactly one label."""
    pattern, name = pattern.lower().rstrip("."), name.lower().rstrip(".")
    if pattern.startswith("*."):
        head, _, tail = name.partition(".")
        return bool(head) and tail == pattern[2:] and "." in tail
    return pattern == name


def below(name: str, suffix: str) -> bool:
    """Whether a name is the suffix or ends with it at a label; ``.x`` means below x only."""
    if suffix.startswith("."):
        return name.endswith(suffix)
    return name == suffix or name.endswith("." + suffix)
