"""Whether a CAA record set lets a certificate authority issue (RFC 8659, RFC 8657)."""

from collections.abc import Iterable

CRITICAL = 128  # issuer-critical flag, RFC 8659 section 4.1
_KNOWN = {"issue", "issuewild", "iodef", "issuemail", "issuevmc", "contactemail", "contactphone"}

Record = tuple[int, str, str]  # (flags, tag, value)


def forbidden_by(records: Iterable[Record], issuers: Iterable[str], method: str) -> str | None:
    """Why none of these issuers may issue for a name that is no wildcard; None when one may.

    ``issuers`` are CAA domain names (``letsencrypt.org``); ``method`` is the validation method that
    will be used (``http-01``, RFC 8657 section 4). ``accounturi`` cannot be judged from outside.
    """
    known = [(flags, tag.lower(), value) for flags, tag, value in records]
    unknown = next((tag for flags, tag, _ in known if flags & CRITICAL and tag not in _KNOWN), None)
    if unknown is not None:
        return f"the critical property {unknown!r} is unknown to certificate authorities"
    grants = [_grant(value) for _, tag, value in known if tag == "issue"]
    wanted = {issuer.lower() for issuer in issuers}
    methods = [methods for issuer, methods in grants if issuer in wanted]
    if grants and not methods:
        allowed = sorted({issuer for issuer, _ in grants if issuer}) or ["nobody"]
        return f"only {', '.join(allowed)} may issue"
    if methods and not any(m is None or method in m for m in methods):
        return f"the validation method {method} is not among the permitted ones"
    return None


def _grant(value: str) -> tuple[str, frozenset[str] | None]:
    """The issuer of one ``issue`` property ("" for nobody), and its methods if they are limited."""
    issuer, *parameters = (part.strip() for part in value.lower().split(";"))
    pairs = (parameter.partition("=") for parameter in parameters)
    methods = next((text for name, _, text in pairs if name.strip() == "validationmethods"), None)
    if methods is None:
        return issuer, None
    return issuer, frozenset(method.strip() for method in methods.split(","))
