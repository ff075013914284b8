"""Which IP addresses are plain public ones: the only kind that a request on a stranger's behalf may go to."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_NOT_PUBLIC_V4 = [
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; also the metadata service of one cloud
        "127.0.0.0/8",
        "168.63.129.16/32",  # a cloud's host agent, on an address that looks public
        "169.254.0.0/16",  # link-local: the metadata services
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation, as are 198.51.100 and 203.0.113
        "192.31.196.0/24",  # anycast sinks, as are 192.52.193 and 192.175.48
        "192.52.193.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
]
_GLOBAL_UNICAST_V6 = IPv6Network("2000::/3")
_NOT_PUBLIC_V6 = [
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: a tunnel to whatever IPv4 address is inside
        "3fff::/20",  # documentation
    )
]
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP = (0x00005EFE, 0x02005EFE)

_NEVER = [IPv4Network("169.254.0.0/16"), IPv4Network("168.63.129.16/32"), IPv4Network("100.100.100.200/32")]
_NEVER_V6 = [IPv6Network("fe80::/10"), IPv6Network("fd00:ec2::254/128")]


def parse_address(text: str) -> IPv4Address | IPv6Address:
    """Read an address as the resolver gives it, and unwrap an IPv4 address that IPv6 carries unchanged.

    IPv4-mapped addresses and the well-known NAT64 prefix reach the IPv4 address inside. Raises ``ValueError``.
    """
    address = ip_address(text)
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.scope_id is None and address in _NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def is_public(text: str) -> bool:
    """Return whether an address is a plain public unicast one, whatever it is wrapped in."""
    try:
        address = parse_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in network for network in _NOT_PUBLIC_V4)
    if address.scope_id is not None or address not in _GLOBAL_UNICAST_V6:
        return False
    if (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP:
        return False
    return address.is_global and not any(address in network for network in _NOT_PUBLIC_V6)


def is_forbidden(text: str) -> bool:
    """Return whether not even a list of allowed hosts opens the address: metadata services, link-local, nonsense."""
    try:
        address = parse_address(text)
    except ValueError:
        return True
    if isinstance(address, IPv4Address):
        return any(address in network for network in _NEVER)
    return address.scope_id is not None or any(address in network for network in _NEVER_V6)
