"""Independent clients for the lab's servers: the ssl and http modules, blocking, in a thread."""

import asyncio
import http.client
import socket
import ssl

from cryptography import x509

from certwatch.lab.world import World


def _handshake(
    address: str, port: int, server_name: str | None, context: ssl.SSLContext
) -> tuple[x509.Certificate, str]:
    with (
        socket.create_connection((address, port), timeout=2) as plain,
        context.wrap_socket(plain, server_hostname=server_name) as tls,
    ):
        der = tls.getpeercert(binary_form=True)
        assert der
        return x509.load_der_x509_certificate(der), tls.version() or ""


async def handshake(
    address: str,
    port: int,
    server_name: str | None,
    *,
    roots: str | None = None,
    legacy: bool = False,
) -> tuple[x509.Certificate, str]:
    """The served leaf and the TLS version; verified where roots (PEM) are given."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if roots:
        context.load_verify_locations(cadata=roots)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
    if legacy:
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.options |= ssl.OP_NO_TLSv1_2 | ssl.OP_NO_TLSv1_3
    return await asyncio.to_thread(_handshake, address, port, server_name, context)


def sans(certificate: x509.Certificate) -> list[str]:
    """The DNS names of a certificate."""
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return extension.value.get_values_for_type(x509.DNSName)


Answer = tuple[int, dict[str, str], str]


def _read(connection: http.client.HTTPConnection, host: str, target: str) -> Answer:
    try:
        connection.request("GET", target, headers={"Host": host})
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, headers, answer.read(4096).decode()
    finally:
        connection.close()


class _Pinned(http.client.HTTPSConnection):
    """HTTPS to one address, whatever the name."""

    def __init__(self, address: str, port: int, host: str, context: ssl.SSLContext) -> None:
        super().__init__(address, port, timeout=3, context=context)
        self._address, self._name, self._tls = address, host, context

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), timeout=3)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self._name)


async def get(world: World, place: str, host: str, target: str = "/") -> Answer:
    """GET over HTTPS at a place of the world, unverified."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = _Pinned(world.servers[place].address, world.https_port, host, context)
    return await asyncio.to_thread(_read, connection, host, target)


async def get_plain(world: World, place: str, host: str, target: str = "/") -> Answer:
    """GET over HTTP at a place of the world."""
    address = world.servers[place].address
    connection = http.client.HTTPConnection(address, world.http_port, timeout=3)
    return await asyncio.to_thread(_read, connection, host, target)
