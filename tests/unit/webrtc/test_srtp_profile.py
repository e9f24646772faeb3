"""Profiles, and keys derived from one."""

import pytest

from headrace.base.errors import LocalProtocolError
from headrace.webrtc.srtp_profile import (
    AES_128_CM_SHA1_80,
    PROFILES,
    MasterKey,
    material_bytes,
    profile_named,
    split_keying_material,
)


def test_session_keys_are_those_of_the_specification() -> None:
    # RFC 3711, B.3.
    key = bytes.fromhex("E1F97A0D3E018BE0D64FA32C06DE4139")
    salt = bytes.fromhex("0EC675AD498AFEEBB6960B3AABE6")
    master = MasterKey(AES_128_CM_SHA1_80, key, salt)
    assert master.derive(0, 16) == bytes.fromhex("C61E7A93744F39EE10734AFE3FF7A087")
    assert master.derive(2, 14) == bytes.fromhex("30CBBC08863D8C85D49DB34A9AE1")
    assert master.derive(1, 20) == bytes.fromhex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4")


@pytest.mark.parametrize("profile", PROFILES)
def test_keying_material_is_two_keys_and_then_two_salts(profile: object) -> None:
    one = next(found for found in PROFILES if found is profile)
    material = bytes(range(material_bytes(one)))
    client, server = split_keying_material(one, material)
    assert client.key + server.key + client.salt + server.salt == material
    assert client.key.hex() not in repr(client)


def test_a_key_of_another_length_is_our_mistake() -> None:
    with pytest.raises(LocalProtocolError):
        MasterKey(AES_128_CM_SHA1_80, bytes(16), bytes(12))


def test_profiles_are_found_by_name() -> None:
    assert [profile_named(profile.name) for profile in PROFILES] == list(PROFILES)
    assert profile_named("SRTP_NULL_SHA1_80") is None
