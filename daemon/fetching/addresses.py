"""Which addresses may be connected to. Pure: an address in, the same or a refusal out."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from daemon.errors import RefusedUrlError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: 100.64/10 is what providers and some VPNs hand out.
PRIVATE: dict[Network, str] = {
    ip_network("127.0.0.0/8"): "this machine itself",
    ip_network("::1/128"): "this machine itself",
    ip_network("10.0.0.0/8"): "a private network",
    ip_network("172.16.0.0/12"): "a private network",
    ip_network("192.168.0.0/16"): "a private network",
    ip_network("100.64.0.0/10"): "a private network",
    ip_network("fc00::/7"): "a private network",
}
#: Never connected to: they carry another address inside, or mean no server out there. Python calls some of them global.
SPECIAL: dict[Network, str] = {
    ip_network("64:ff9b::/96"): "is translated to an IPv4 address (NAT64)",
    ip_network("64:ff9b:1::/48"): "is translated to an IPv4 address (local NAT64)",
    ip_network("2002::/16"): "carries an IPv4 address (6to4)",
    ip_network("2001::/32"): "carries an IPv4 address (Teredo)",
    ip_network("192.88.99.0/24"): "is a relay of 6to4",
    ip_network("192.0.0.0/24"): "is set aside for protocols",
    ip_network("169.254.0.0/16"): "is link-local, where clouds keep the secrets of their machines",
    ip_network("fe80::/10"): "is link-local",
    ip_network("224.0.0.0/4"): "is a multicast address",
    ip_network("ff00::/8"): "is a multicast address",
}
#: Outside of it, IPv6 has no servers of the internet (RFC 4291 and IANA's register).
GLOBAL_UNICAST = IPv6Network("2000::/3")
ALLOW = "If you trust what is there: private_addresses = true under [fetch] in smolwatch.toml."


def checked(text: str, *, private: bool) -> Address:
    """The address to connect to: the given one, out of its wrapping where IPv6 wraps IPv4 ("::ffff:10.0.0.1").

    `private`: this machine and private networks are allowed, too. Raises RefusedUrlError.
    """
    try:
        address: Address = ip_address(text)
    except ValueError as error:
        raise RefusedUrlError("address", f"{text!r} is no address.") from error
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if whose := words_for(address, PRIVATE):
        if not private:
            raise RefusedUrlError("private-address", f"{address} is an address of {whose}.", advice=ALLOW)
    elif why := why_never(address):
        raise RefusedUrlError("address", f"{address} {why}; nothing is fetched from such addresses.")
    return address


def why_never(address: Address) -> str | None:
    """What is wrong with an address that is not private; None: it is one of the internet."""
    if why := words_for(address, SPECIAL):
        return why
    if isinstance(address, IPv6Address) and (address not in GLOBAL_UNICAST or address.scope_id):
        return "is no address of the internet"
    if not address.is_global or address.is_reserved or address.is_multicast:
        return "is reserved, and no address of the internet"
    return None


def words_for(address: Address, networks: dict[Network, str]) -> str | None:
    return next((words for network, words in networks.items() if address in network), None)
