"""Certificates as files, replaced as one: ``<directory>/<domain>`` links to one version's folder.

::

    certs/
      click.brand.com -> .versions/click.brand.com/20260601T120000Z-03ab
      .versions/click.brand.com/
        20260601T120000Z-03ab/{privkey,cert,chain,fullchain}.pem
        20260402T120000Z-02cd/...

A version is written beside the others, brought to the disk, and only then the link is renamed over
the old one: who reads sees the old four files or the new four, also after a crash at any point.
"""

import errno
import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from secrets import token_hex

from certwatch.core.model import Certificate
from certwatch.core.names import normalise
from certwatch.core.renewal import Blame
from certwatch.deploy.hook import Hook
from certwatch.errors import InvalidName, RenewalError

PRIVKEY, CERT, CHAIN, FULLCHAIN = FILES = (
    "privkey.pem",
    "cert.pem",
    "chain.pem",
    "fullchain.pem",
)
_VERSIONS = ".versions"
_UNFINISHED = ".new-"
_VERSION = re.compile(r"[0-9]{8}T[0-9]{6}Z--?[0-9a-f]+(\.[0-9]+)?")
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_REMEDIES = {
    errno.ENOSPC: "free space on that disk; it is tried again by itself",
    errno.EDQUOT: "raise the disk quota of certwatch's account; it is tried again by itself",
    errno.EACCES: "let certwatch's account write there (deploy.directory)",
    errno.EPERM: "let certwatch's account write there (deploy.directory)",
    errno.EROFS: "make that file system writable, or set deploy.directory to another one",
}


class FileDeployer:
    """Implements ``ports.Deployer``.

    ``keep`` previous versions stay per domain. ``unseal`` opens a sealed private key (PEM) and
    raises RenewalError where it cannot. The hook runs after each deployment, outside the lock.
    """

    def __init__(
        self,
        directory: Path,
        *,
        keep: int,
        unseal: Callable[[bytes], bytes],
        hook: Hook | None = None,
    ) -> None:
        self._directory = Path(os.path.abspath(directory))
        self._keep = keep
        self._unseal = unseal
        self._hook = hook

    def deploy(self, domain: str, *, key: bytes, chain: str, certificate: Certificate) -> None:
        """Put a certificate and its sealed key in place, whole or not at all, then run the hook;
        the same one again changes nothing and runs the hook. Raises RenewalError."""
        _check(domain)
        files = _contents(self._unseal(key), chain)
        try:
            self._put(
                domain, f"{certificate.not_before:%Y%m%dT%H%M%SZ}-{certificate.serial}", files
            )
        except OSError as error:
            raise _failure(domain, error, self._directory) from None
        if self._hook is not None:
            self._hook.run(self._environment(domain, certificate), hidden=files[PRIVKEY].decode())

    def _put(self, domain: str, version: str, files: Mapping[str, bytes]) -> None:
        link, versions = self._directory / domain, self._directory / _VERSIONS / domain
        _make_folder(self._directory)
        for folder in (versions.parent, versions):
            if folder.is_symlink():  # tidying up would reach through it
                raise _obstacle(folder, "folder")
            _make_folder(folder)
        with _locked(versions):
            if os.path.lexists(link) and not _is_ours(link):
                raise _obstacle(link, "link")
            _tidy(versions)
            folder = _written(versions, version, files)
            target = folder.relative_to(self._directory)
            if not (_is_ours(link) and link.readlink() == target):
                _point(link, target, versions)
            _prune(versions, folder, self._keep)

    def _environment(self, domain: str, certificate: Certificate) -> dict[str, str]:
        folder = self._directory / domain
        paths = {f"CERTWATCH_{Path(name).stem.upper()}": str(folder / name) for name in FILES}
        return paths | {
            "CERTWATCH_DOMAIN": domain,
            "CERTWATCH_SERIAL": certificate.serial,
            "CERTWATCH_NOT_AFTER": f"{certificate.not_after:%Y-%m-%dT%H:%M:%SZ}",
            "CERTWATCH_DIRECTORY": str(folder),
        }


def _check(domain: str) -> None:
    """The inventory holds normal names only; a path is no place to rely on it."""
    try:
        fine = normalise(domain) == domain
    except InvalidName:
        fine = False
    if not fine:
        raise RenewalError(
            f"{domain!a} is no domain name in its normal form; no folder is named so",
            kind="deploy",
            blame=Blame.OURS,
            remedy="remove it from the inventory and add it again",
        )


def _contents(key: bytes, chain: str) -> dict[str, bytes]:
    """The four files. Raises RenewalError for a chain without a certificate."""
    pems = [f"{pem}\n" for pem in _PEM.findall(chain)]
    if not pems:
        raise RenewalError(
            "there is no certificate in the chain that should be put in place",
            kind="deploy",
            blame=Blame.OURS,
            remedy="order it again: `certwatch renew NAME --force`",
        )
    return {
        PRIVKEY: key,
        CERT: pems[0].encode(),
        CHAIN: "".join(pems[1:]).encode(),
        FULLCHAIN: "".join(pems).encode(),
    }


def _make_folder(folder: Path) -> None:
    """Make a folder that everybody may read; one that is there keeps its mode."""
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        _sync(folder.parent)


@contextmanager
def _locked(versions: Path) -> Iterator[None]:
    """One deployment of a domain at a time, whichever process it is in."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    lock = os.open(versions / ".lock", flags, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _tidy(versions: Path) -> None:
    """Remove what a crash left half-written."""
    for left in versions.glob(f"{_UNFINISHED}*"):
        if left.is_symlink():
            left.unlink()
        else:
            shutil.rmtree(left, ignore_errors=True)


def _written(versions: Path, version: str, files: Mapping[str, bytes]) -> Path:
    """The folder that holds exactly these files, written unless it is there.

    A folder of that name with other contents is left alone: it may be the one in use.
    """
    names = (version if n == 1 else f"{version}.{n}" for n in count(1))
    folder = next(path for name in names if _fits(path := versions / name, files))
    if not folder.exists():
        draft = versions / f"{_UNFINISHED}{token_hex(8)}"
        try:
            _write(draft, files)
            draft.rename(folder)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        _sync(versions)
    return folder


def _fits(folder: Path, files: Mapping[str, bytes]) -> bool:
    """Whether a folder is free to be made, or holds these files."""
    if not folder.exists():
        return True
    return all(
        (folder / name).is_file() and (folder / name).read_bytes() == content
        for name, content in files.items()
    )


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir()
    folder.chmod(0o755)
    for name, content in files.items():
        mode = 0o600 if name == PRIVKEY else 0o644
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)  # whatever the umask took
            file.write(content)
            file.flush()
            os.fsync(descriptor)
    _sync(folder)


def _point(link: Path, target: Path, versions: Path) -> None:
    """Make the link point to a target, in one step."""
    draft = versions / f"{_UNFINISHED}{token_hex(8)}"
    draft.symlink_to(target)
    try:
        draft.replace(link)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    _sync(link.parent)


def _prune(versions: Path, current: Path, keep: int) -> None:
    """Remove all but the newest ``keep`` of the previous versions; names begin with their time.

    What cannot be removed is left, as the new certificate is in place already; so is what is no
    version of ours.
    """
    previous = sorted(
        (path for path in versions.iterdir() if _is_version(path) and path != current),
        reverse=True,
    )
    for old in previous[keep:]:
        shutil.rmtree(old, ignore_errors=True)


def _is_version(path: Path) -> bool:
    return bool(_VERSION.fullmatch(path.name)) and path.is_dir() and not path.is_symlink()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_ours(link: Path) -> bool:
    return link.is_symlink() and link.readlink().parent == Path(_VERSIONS, link.name)


def _obstacle(path: Path, ours: str) -> RenewalError:
    what = "link" if path.is_symlink() else "folder" if path.is_dir() else "file"
    return RenewalError(
        f"{path} is a {what} that certwatch did not make",
        kind="deploy",
        blame=Blame.OURS,
        remedy=f"move {path} away (certwatch puts a {ours} of its own there), or set"
        " deploy.directory to another folder",
    )


def _failure(domain: str, error: OSError, directory: Path) -> RenewalError:
    number = error.errno or 0
    reason = os.strerror(number) if number else str(error)
    return RenewalError(
        f"the certificate of {domain} cannot be put in place: {error.filename or directory}:"
        f" {reason}",
        kind="deploy",
        blame=Blame.OURS,
        remedy=_REMEDIES.get(number, f"mend {directory}; it is tried again by itself"),
    )
