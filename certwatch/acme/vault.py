"""Sealing: private keys rest in the database encrypted, with a key that is kept elsewhere.

The key is a Fernet key (AES-128-CBC with HMAC-SHA-256): a setting, or a file that its owner alone
can read. Several keys, one a line, are a rotation: the first one seals, all of them unseal.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from certwatch.core.renewal import Blame
from certwatch.errors import RenewalError, SettingsError

OWNER_ONLY = 0o600
_FILE_CAP = 65_536  # bytes


class Vault:
    """Seals and unseals. Shows nothing of its keys."""

    __slots__ = ("_fernet",)

    def __init__(self, keys: str, source: str = "acme.sealing_key") -> None:
        """Fernet keys as text, one a line. Raises SettingsError, naming the source, not the text.

        The setting may separate them by commas too, for the environment.
        """
        words = keys.replace(",", " ").split()
        if not words:
            raise SettingsError(f"{source} holds no key; `certwatch init` makes one")
        try:
            self._fernet = MultiFernet([Fernet(word) for word in words])
        except ValueError:
            raise SettingsError(
                f"{source} holds no sealing key: each is 32 bytes in url-safe base64, as"
                " `certwatch init` makes them"
            ) from None

    def __repr__(self) -> str:
        return "<Vault>"

    def seal(self, secret: bytes) -> bytes:
        """Encrypt and authenticate, with the first key."""
        return self._fernet.encrypt(secret)

    def unseal(self, sealed: bytes) -> bytes:
        """What was sealed with any of the keys. Raises RenewalError where none of them fits."""
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken:
            raise RenewalError(
                "a private key in the database cannot be opened: the key file is not the one that"
                " sealed this",
                kind="sealing",
                blame=Blame.OURS,
                remedy="put the former key back, as a further line of acme.key_file",
            ) from None


def open_vault(file: str) -> Vault:
    """The vault of a key file. Raises SettingsError when it cannot be read, or others could."""
    try:
        text = _read(Path(file))
    except FileNotFoundError:
        raise SettingsError(
            f"acme.key_file: {file} is not there; `certwatch init` makes one (where the database"
            " holds private keys already, bring back the file that sealed them)"
        ) from None
    except OSError as error:
        raise SettingsError(f"acme.key_file: {file} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise SettingsError(f"acme.key_file: {file} is no text file") from None
    return Vault(text, f"acme.key_file: {file}")


def make_key_file(file: str) -> bool:
    """Make a key file with a new key, unless there is one; whether it was made.

    Raises SettingsError when it cannot be written.
    """
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    except FileExistsError:
        return False
    except OSError as error:
        raise SettingsError(f"acme.key_file: {file} cannot be made ({error.strerror})") from None
    try:
        with open(descriptor, "wb") as out:
            os.fchmod(descriptor, OWNER_ONLY)  # whatever the umask has taken
            out.write(Fernet.generate_key() + b"\n")
            out.flush()
            os.fsync(descriptor)
    except OSError as error:
        with suppress(OSError):
            os.unlink(file)
        raise SettingsError(f"acme.key_file: {file} cannot be written ({error.strerror})") from None
    return True


def _read(path: Path) -> str:
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:  # a pipe must not hold us
        _check(path, os.fstat(file.fileno()))
        return file.read(_FILE_CAP).decode("ascii")


def _check(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise SettingsError(f"acme.key_file: {path} is no file")
    if found.st_uid != os.geteuid():
        raise SettingsError(
            f"acme.key_file: {path} belongs to another user (uid {found.st_uid});"
            f" chown {os.geteuid()} {path}"
        )
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingsError(
            f"acme.key_file: {path} can be used by others (mode"
            f" {stat.S_IMODE(found.st_mode):04o}); chmod 600 {path}"
        )
