import pytest

from certwatch.probes.guard import is_address, refusal

REFUSED = [
    "127.0.0.1", "127.255.0.9", "::1", "10.1.2.3", "172.31.255.255", "192.168.0.1",
    "169.254.1.1", "fe80::1", "fd00::1", "100.64.0.1", "198.18.0.1", "192.0.2.1", "2001:db8::1",
    "169.254.169.254", "fd00:ec2::254", "0.0.0.0", "0.1.2.3", "::", "224.0.0.1", "ff02::1",
    "255.255.255.255", "240.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:c0a8:1::1",
    "2001:0:7f00:1::", "fec0::1", "::ffff:169.254.169.254", "not-an-address", "", "127.1", "0x7f.1",
]  # fmt: skip
NEVER = ["169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "0.0.0.0", "ff02::1"]


@pytest.mark.parametrize("address", REFUSED)
def test_addresses_of_the_own_network_are_refused(address: str) -> None:
    assert refusal(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "2002:808:808::1"]
)
def test_public_addresses_may_be_connected_to(address: str) -> None:
    assert refusal(address) is None


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "fd00::1", "::1", "fe80::1"])
def test_private_addresses_can_be_allowed(address: str) -> None:
    assert refusal(address, allow_private=True) is None


@pytest.mark.parametrize("address", NEVER)
def test_metadata_and_nowhere_stay_refused(address: str) -> None:
    assert refusal(address, allow_private=True)


def test_a_name_is_no_address() -> None:
    assert is_address("::1")
    assert not is_address("click.brand.test")
