"""The CA over the network: signed requests in, answers out, and nothing but RenewalError besides.

The ``acme`` package signs and keeps the nonces. What it leaves open is closed here: the whole
answer of a refusal is kept (its Retry-After too), a body has a largest size and a longest time, no
redirect is followed, and no URL that an answer names leads away from the CA.
"""

import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import requests
from acme import errors, messages
from acme.client import ClientNetwork
from josepy.errors import Error as JoseError
from josepy.interfaces import JSONDeSerializable
from josepy.jwa import ES256
from josepy.jwk import JWK
from requests.exceptions import BaseHTTPError  # type: ignore[attr-defined]  # of urllib3
from requests.utils import parse_header_links

from certwatch.acme.guard import FIND_DIRECTORY, at_home, nonsense
from certwatch.acme.problems import Problem, clip, failure, retry_in
from certwatch.core.renewal import Blame
from certwatch.errors import RenewalError
from certwatch.ports import Clock

MAX_BYTES = 1_000_000  # of one answer; a chain is 5 kB
_PART = 65_536
_TRIES = 16  # with a nonce that the CA does not refuse; Pebble can be told to refuse half of them

_CA_BUNDLE = "set acme.ca_bundle to a PEM file with the root that the CA's own HTTPS leads to"
_LATER = "nothing to do: it is tried again later; if it stays, look at the CA's status page"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A CA's directory URL and how it is talked to; ``timeout`` is in seconds."""

    directory: str
    ca_bundle: str
    timeout: float
    user_agent: str
    clock: Clock

    @property
    def verify(self) -> str | bool:
        """Roots as ``requests`` wants them; SSL_CERT_FILE counts as everywhere in certwatch."""
        return self.ca_bundle or os.environ.get("SSL_CERT_FILE") or True


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer; ``retry_in`` is its Retry-After."""

    url: str
    body: bytes
    headers: Mapping[str, str]
    retry_in: timedelta | None

    def document(self) -> Mapping[str, Any]:
        """The JSON object in the body, its fields still to be judged. Raises RenewalError."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise nonsense(f"{self.url} holds no JSON object")
        return found

    def next_page(self) -> str | None:
        """The URL of what follows (RFC 8555 section 7.1.2.1)."""
        links = parse_header_links(self.headers.get("Link", ""))
        return next((link.get("url") for link in links if link.get("rel") == "next"), None)

    def location(self) -> str:
        """The URL of what was made. Raises RenewalError without one."""
        url = self.headers.get("Location")
        if not url:
            raise nonsense(f"{self.url} made something without saying where")
        return url


class Missing(RenewalError):
    """Status 404: what was asked for is not there, or not any more."""

    @classmethod
    def of(cls, error: RenewalError) -> "Missing":
        """The same failure, as one that can be told apart."""
        return cls(
            str(error),
            kind=error.kind,
            blame=error.blame,
            remedy=error.remedy,
            retry_at=error.retry_at,
        )


class Refused(Exception):
    """An answer of status 300 and above."""

    def __init__(self, response: requests.Response) -> None:
        super().__init__(response.status_code)
        self.response = response
        try:
            self.problem = Problem.read(response.json())
        except (ValueError, RecursionError):
            self.problem = Problem.read(None)


class Network(ClientNetwork):
    """One connection to the CA with its nonces, for one thread at a time."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(alg=ES256)
        self._endpoint = endpoint

    def close(self) -> None:
        """Close the connection."""
        self.session.close()

    def fetch(self, url: str) -> Answer:
        """GET. Raises RenewalError."""
        with self._typed():
            return self._answer(self._check_response(self._send_request("GET", url)))

    def send(
        self, url: str, payload: JSONDeSerializable | None, *, new_nonce: str, accept: str = ""
    ) -> Answer:
        """POST, signed; no payload is POST-as-GET (RFC 8555 section 6.3). Raises RenewalError."""
        headers = {"Content-Type": self.JOSE_CONTENT_TYPE} | ({"Accept": accept} if accept else {})
        with self._typed():
            return self._answer(self.post(url, payload, new_nonce_url=new_nonce, headers=headers))

    def sign_as(self, key: JWK, account: str | None) -> None:
        """Sign with this key from now on: as an account, or to register one."""
        self.key = key
        self.account = messages.RegistrationResource(uri=account) if account else None

    def post(self, *args: Any, **kwargs: Any) -> requests.Response:
        """POST, again with the nonce of each refusal where the one before was not good."""
        for _ in range(_TRIES - 1):
            try:
                return self._post_once(*args, **kwargs)
            except Refused as refused:
                if refused.problem.kind != "badNonce":
                    raise
                self._nonces.clear()  # they grew old together
                self._add_nonce(refused.response)
        return self._post_once(*args, **kwargs)

    @classmethod
    def _check_response(
        cls, response: requests.Response, content_type: str | None = None
    ) -> requests.Response:
        if response.status_code >= 300:
            raise Refused(response)
        return response

    def _add_nonce(self, response: requests.Response) -> None:
        if self.REPLAY_NONCE_HEADER in response.headers:  # what is done is done without one too
            super()._add_nonce(response)

    def _send_request(self, method: str, url: str, *args: Any, **kwargs: Any) -> requests.Response:
        at_home(url, self._endpoint.directory)
        headers = {"User-Agent": self._endpoint.user_agent, "Accept-Encoding": "identity"}
        with self.session.request(
            method,
            url,
            headers=headers | kwargs.pop("headers", {}),
            verify=self._endpoint.verify,
            timeout=self._endpoint.timeout,
            allow_redirects=False,
            stream=True,
            **kwargs,
        ) as response:
            response._content = self._body(response)  # what reading without a cap would set
        return response

    def _body(self, response: requests.Response) -> bytes:
        body, deadline = b"", time.monotonic() + self._endpoint.timeout
        while part := response.raw.read1(_PART):
            body += part
            if len(body) > MAX_BYTES:
                raise nonsense(f"an answer is larger than {MAX_BYTES} bytes")
            if time.monotonic() > deadline:
                raise requests.Timeout("an answer takes too long")
        return body

    def _answer(self, response: requests.Response) -> Answer:
        wait = retry_in(response.headers, self._endpoint.clock.now())
        return Answer(str(response.url), response.content, response.headers, wait)

    @contextmanager
    def _typed(self) -> Iterator[None]:
        """Make a RenewalError of everything that can go wrong on the way."""
        try:
            yield
        except Refused as refused:
            raise self._refusal(refused) from None
        except (errors.Error, JoseError, KeyError) as error:  # a nonce that is none
            raise nonsense(f"it gives no usable nonce ({clip(str(error))})") from None
        except (requests.RequestException, BaseHTTPError, OSError) as error:
            raise self._unreachable(error) from None

    def _refusal(self, refused: Refused) -> RenewalError:
        response, now = refused.response, self._endpoint.clock.now()
        wait = retry_in(response.headers, now)
        if refused.problem.kind:
            error = failure(refused.problem, now=now, wait=wait)
        else:
            error = _wordless(refused, now + wait if wait is not None else None)
        return Missing.of(error) if response.status_code == 404 else error

    def _unreachable(self, error: Exception) -> RenewalError:
        reason, blame, remedy = self._reason(error)
        return RenewalError(
            f"{urlsplit(self._endpoint.directory).netloc} cannot be asked: {reason}",
            kind="ca_unreachable",
            blame=blame,
            remedy=remedy,
        )

    def _reason(self, error: Exception) -> tuple[str, Blame, str]:
        match error:
            case requests.exceptions.SSLError() if bundle := self._endpoint.ca_bundle:
                return f"its TLS is not good by {bundle} ({_last(error)})", Blame.OURS, _CA_BUNDLE
            case requests.exceptions.SSLError():
                return f"its TLS is not good ({_last(error)})", Blame.CA, _CA_BUNDLE
            case requests.Timeout():
                return "no answer in time", Blame.CA, _LATER
            case requests.RequestException() | BaseHTTPError():
                return f"no connection ({_last(error)})", Blame.CA, _LATER
        roots = self._endpoint.verify  # a file that is not there is the only OSError of its own
        return f"{roots} cannot be used as trusted roots", Blame.OURS, _CA_BUNDLE


def _wordless(refused: Refused, retry_at: datetime | None) -> RenewalError:
    """A refusal that is no ACME: from something before the CA, or because there is none."""
    status, location = refused.response.status_code, refused.response.headers.get("Location")
    moved = f" and points to {clip(location)}" if location else ""
    detail = f": {refused.problem.detail}" if refused.problem.detail else ""
    return RenewalError(
        f"the CA answers {status}{moved}{detail}",
        kind="ca_error",
        blame=Blame.CA,
        remedy=FIND_DIRECTORY if status < 500 else _LATER,
        retry_at=retry_at,
    )


def _last(error: BaseException) -> str:
    """The plainest text of an error that wraps others, with nothing of what we sent."""
    while error.args and isinstance(error.args[-1], BaseException):
        error = error.args[-1]
    inner = getattr(error, "reason", None)
    if isinstance(inner, BaseException):
        return _last(inner)
    text = clip(str(inner or error)).rpartition(": ")[2]
    return re.sub(r"^\[Errno -?\d+\] ", "", text) or type(error).__name__
