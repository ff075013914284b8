"""The table of addresses that a request on a stranger's behalf may, and may not, go to."""

import pytest

from emprops.kit.outbound.addresses import is_forbidden, is_public

REFUSED = """
127.0.0.1 127.0.0.2 127.255.255.254 0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255
168.63.129.16 169.254.0.1 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1
192.31.196.1 192.52.193.1 192.88.99.1 192.168.0.1 192.168.255.255 192.175.48.1 198.18.0.1 198.19.255.255 198.51.100.7
203.0.113.9 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
:: ::1 ::2 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0:127.0.0.1 ::ffff:c0a8:101
64:ff9b::127.0.0.1 64:ff9b::10.0.0.1 64:ff9b::a9fe:a9fe 64:ff9b:1::7f00:1 64:ff9b:1::8.8.8.8
100::1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2001:1::1
2002:7f00:1:: 2002:0a00:0001::1 2002:c0a8:0101::1 2002:808:808::1 3fff::1 3ffe::1%eth0 4000::1 5f00::1
fc00::1 fd00::1 fd00:ec2::254 fd12:3456:789a::1 fe80::1 fe80::1%1 fe80::1%lo fec0::1 ff02::1 ff0e::1
2606:4700::5efe:127.0.0.1 2606:4700::200:5efe:10.0.0.1
2130706433 0x7f.0.0.1 0177.0.0.1 127.1 0x7f000001 localhost 127.0.0.1. [::1] 1.1.1.1:80 1.1.1.1/32
"""

ALLOWED = """
1.1.1.1 8.8.8.8 11.0.0.1 93.184.215.14 100.63.255.255 100.128.0.1 126.255.255.255 128.0.0.1 169.253.255.255
172.15.255.255 172.32.0.1 192.0.1.1 192.167.255.255 192.169.0.1 198.17.255.255 198.20.0.1 223.255.255.254
::ffff:8.8.8.8 64:ff9b::8.8.8.8 2001:4860:4860::8888 2606:4700:4700::1111 2a00:1450:4001:80b::200e 2003::1
"""


@pytest.mark.parametrize("address", [*REFUSED.split(), "", " 8.8.8.8", "8.8.8.8\n"])
def test_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ALLOWED.split())
def test_public(address: str) -> None:
    assert is_public(address)
    assert not is_forbidden(address)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "168.63.129.16",
        "100.100.100.200",
        "nonsense",
    ],
)
def test_never_even_when_listed(address: str) -> None:
    assert is_forbidden(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.1.2.3", "192.168.1.5", "fd12::1", "100.64.0.9"])
def test_private_can_be_listed(address: str) -> None:
    assert not is_forbidden(address)
    assert not is_public(address)
