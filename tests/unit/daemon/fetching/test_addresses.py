from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.errors import RefusedUrlError
from daemon.fetching.addresses import PRIVATE, SPECIAL, checked

EMBEDDING = [network for network in SPECIAL if network.version == 6]

v4 = st.ip_addresses(v=4)
v6 = st.ip_addresses(v=6)
addresses = v4 | v6


def verdict(address: object, *, private: bool = False) -> str | None:
    """The rule that refuses it."""
    try:
        checked(str(address), private=private)
    except RefusedUrlError as error:
        return error.rule
    return None


@given(addresses, st.booleans())
def test_what_python_does_not_call_global_is_never_reached_unless_private_addresses_are(
    address: IPv4Address | IPv6Address, private: bool
) -> None:
    if verdict(address, private=private) is None:
        plain = getattr(address, "ipv4_mapped", None) or address
        if not (private and any(plain in network for network in PRIVATE)):
            assert plain.is_global
            assert not (plain.is_multicast or plain.is_link_local or plain.is_reserved or plain.is_loopback)


@given(v4, st.booleans())
def test_a_mapped_address_is_judged_and_connected_to_as_the_address_that_it_maps(
    address: IPv4Address, private: bool
) -> None:
    wrapped = f"::ffff:{address}"
    assert verdict(wrapped, private=private) == verdict(address, private=private)
    if verdict(wrapped, private=private) is None:
        assert checked(wrapped, private=private) == address


@given(st.sampled_from(EMBEDDING), st.data(), st.booleans())
def test_networks_that_carry_other_addresses_are_never_reached(
    network: IPv4Network | IPv6Network, data: st.DataObject, private: bool
) -> None:
    address = data.draw(st.ip_addresses(network=network))
    assert verdict(address, private=private) == "address"


@given(st.sampled_from(list(PRIVATE)), st.data())
def test_private_addresses_are_refused_by_a_rule_that_a_setting_lifts(
    network: IPv4Network | IPv6Network, data: st.DataObject
) -> None:
    address = data.draw(st.ip_addresses(network=network))
    assert verdict(address) == "private-address"
    assert verdict(address, private=True) is None


@given(st.text(max_size=20))
def test_any_text_from_a_resolver_is_a_public_address_or_refused(text: str) -> None:
    if verdict(text) is None:
        assert ip_address(text).is_global


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001::1"])
def test_servers_of_the_internet_are_reached(address: str) -> None:
    assert str(checked(address, private=False)) == address


def test_python_calls_some_of_the_forbidden_ones_global() -> None:
    trap = [ip_address("64:ff9b::7f00:1"), ip_address("fec0::1"), ip_address("192.88.99.1")]
    assert any(address.is_global for address in trap)
    assert {verdict(address) for address in trap} == {"address"}


def test_the_networks_of_the_design_are_in_the_rule() -> None:
    named = "64:ff9b::/96 64:ff9b:1::/48 2002::/16 2001::/32 192.0.0.0/24".split()
    assert {ip_network(text) for text in named} <= set(SPECIAL)
