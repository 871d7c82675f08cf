"""Which addresses may be connected to. Pure."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from daemon.errors import RefusedUrlError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: 100.64/10 is used by providers (CGNAT) and some VPNs.
PRIVATE: dict[Network, str] = {
    ip_network("127.0.0.0/8"): "this machine itself",
    ip_network("::1/128"): "this machine itself",
    ip_network("10.0.0.0/8"): "a private network",
    ip_network("172.16.0.0/12"): "a private network",
    ip_network("192.168.0.0/16"): "a private network",
    ip_network("100.64.0.0/10"): "a private network",
    ip_network("fc00::/7"): "a private network",
}
#: Never connected to: they embed another address, or belong to no public server. Python calls some of them global.
SPECIAL: dict[Network, str] = {
    ip_network("64:ff9b::/96"): "is translated to an IPv4 address (NAT64)",
    ip_network("64:ff9b:1::/48"): "is translated to an IPv4 address (local NAT64)",
    ip_network("2002::/16"): "carries an IPv4 address (6to4)",
    ip_network("2001::/32"): "carries an IPv4 address (Teredo)",
    ip_network("192.88.99.0/24"): "is a 6to4 relay",
    ip_network("192.0.0.0/24"): "is reserved for protocols",
    ip_network("169.254.0.0/16"): "is link-local, where cloud providers serve credentials",
    ip_network("fe80::/10"): "is link-local",
    ip_network("224.0.0.0/4"): "is a multicast address",
    ip_network("ff00::/8"): "is a multicast address",
}
#: IPv6 has no public servers outside of it (RFC 4291 and IANA's registry).
GLOBAL_UNICAST = IPv6Network("2000::/3")
ALLOW = "If you trust that server, set private_addresses = true under [fetch] in smolwatch.toml."


def checked(text: str, *, private: bool) -> Address:
    """The address to connect to: `text`, or the IPv4 address that it maps ("::ffff:10.0.0.1").

    `private`: this machine and private networks are allowed, too. Raises RefusedUrlError.
    """
    try:
        address: Address = ip_address(text)
    except ValueError as error:
        raise RefusedUrlError("address", f"{text!r} is not an IP address.") from error
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if owner := label_of(address, PRIVATE):
        if not private:
            raise RefusedUrlError("private-address", f"{address} is an address of {owner}.", advice=ALLOW)
    elif reason := never_allowed(address):
        raise RefusedUrlError("address", f"{address} {reason}; smolwatch fetches nothing from such addresses.")
    return address


def never_allowed(address: Address) -> str | None:
    """Why an address that is not private is refused; None for a public one."""
    if reason := label_of(address, SPECIAL):
        return reason
    if isinstance(address, IPv6Address) and (address not in GLOBAL_UNICAST or address.scope_id):
        return "is not a public address"
    if not address.is_global or address.is_reserved or address.is_multicast:
        return "is reserved and not a public address"
    return None


def label_of(address: Address, networks: dict[Network, str]) -> str | None:
    return next((label for network, label in networks.items() if address in network), None)
