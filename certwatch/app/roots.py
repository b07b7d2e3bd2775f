"""The trusted roots that the settings name."""

from functools import cache
from pathlib import Path

import certifi

from certwatch.core.model import Certificate
from certwatch.core.x509 import parse_pem
from certwatch.errors import CertificateError, SettingsError


@cache
def load_roots(file: str) -> tuple[Certificate, ...]:
    """The certificates of a PEM file, certifi's when none is named."""
    path = Path(file or certifi.where())
    try:
        return parse_pem(path.read_bytes())
    except OSError as error:
        raise SettingsError(
            f"probe.trust_roots: {path} cannot be read ({error.strerror})"
        ) from None
    except CertificateError as error:
        raise SettingsError(f"probe.trust_roots: {path}: {error}") from None
