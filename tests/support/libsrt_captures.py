"""What libsrt 1.5.1 sent: `srt-live-transmit` with a passphrase, a key refresh after 32 packets.

Payload ``n`` of each stream was the byte ``n``, 1316 times. The passphrase is `PASSPHRASE`.
"""

from dataclasses import dataclass
from typing import Final

PASSPHRASE: Final = "correct horse battery"


@dataclass(frozen=True)
class SealedPacket:
    """Sequence number, key parity (KK), the byte that fills the payload, and its sealed start and end."""

    seqno: int
    parity: int
    filling: int
    head: bytes
    tail: bytes


@dataclass(frozen=True)
class Capture:
    """The key material of the handshake, that of the refresh, and some packets."""

    key_length_bytes: int
    handshake_key_material: bytes
    refresh_key_material: bytes
    packets: tuple[SealedPacket, ...]


def _hex(*lines: str) -> bytes:
    return bytes.fromhex("".join(lines))


CAPTURES: Final = (
    Capture(
        16,
        _hex(
            "12202901000000000200020000000404bf254077270dbe05912072b03900b87c",
            "e013d44595c9a8d9b24411a8ce23fe9055ad2b4923c47836",
        ),
        _hex(
            "12202903000000000200020000000404bf254077270dbe05912072b03900b87c",
            "d2d17c9b09b48f24ac9d0217a4b990fa390a40831f5d35b60bd839c83e40510c",
            "f0c2b5e654c318ba",
        ),
        (
            SealedPacket(
                1526893140,
                1,
                0,
                _hex("c85a55b3ddb1dc17e9c6a7b69cceb9922150b005e190f474d9ab734974da4507"),
                _hex("3a493338378fc796dec069ce62ea10ba3db9fc3d"),
            ),
            SealedPacket(
                1526893189,
                1,
                49,
                _hex("b87f30fded90a3b50da283021a0be5ddd18c0de308d14d46d840f6c730cf06f0"),
                _hex("466d9a77953013422e784da9584df1c1417191e6"),
            ),
            SealedPacket(
                1526893190,
                2,
                50,
                _hex("1b4a156188ebeb80665643dca467885143d3a1eef10d3f25ff0f9b1383c83576"),
                _hex("851d4179dbccfdc3e84133f279b081b146e92361"),
            ),
            SealedPacket(
                1526893199,
                2,
                59,
                _hex("86aed24032b5ef3a8fd46f687a859614f35434a0ece55cb917c89fb1dbe3cb12"),
                _hex("a23dd8e245748584780912fcdfb6a5672d2636ff"),
            ),
        ),
    ),
    Capture(
        24,
        _hex(
            "122029010000000002000200000004068df3c76709010b240ef385ceec632c55",
            "ecb30546853a594dbab1e21dcfb77f1148da7b8d07a9a9dc686bc26f3cf50b77",
        ),
        _hex(
            "122029030000000002000200000004068df3c76709010b240ef385ceec632c55",
            "9b65e20a260117b356092207019426eb691c81b37f9d5242f80360d4298dfcc8",
            "b64d7f0081ea253011aa2cf9f4c49ed29fa98db89d405a47",
        ),
        (
            SealedPacket(
                524435843,
                1,
                0,
                _hex("25ad9fff34755d261019fbf78a13175b9fff64dceca394815c64276d0cee0025"),
                _hex("11cdbceb5ce7500ac20d40712a9b9c612091324d"),
            ),
            SealedPacket(
                524435892,
                1,
                49,
                _hex("005c8eda5c5ea8a03e855dcbbdfaad81f4b512cb63dc7e5ed5dc546b8d804dae"),
                _hex("960185dc31d6344db194ab9fe61f62d40178c0be"),
            ),
            SealedPacket(
                524435893,
                2,
                50,
                _hex("f189c47173751b649b69f117dbb81b489dbb574586b9e13bbc4ceadf54675058"),
                _hex("c7d63fe63d3f38cefc9e8eb620cec8c18c4a07c2"),
            ),
            SealedPacket(
                524435902,
                2,
                59,
                _hex("23b42c5125b6033256f0df8eb145c462663d89fac45a96be894de4dd4fd9e67b"),
                _hex("facaf1afacd598b52d25102bb579751719306c0f"),
            ),
        ),
    ),
    Capture(
        32,
        _hex(
            "12202901000000000200020000000408f07ff8783396c733bfaad92aa898653c",
            "85ada1fa65ce1d5ca3a6b128dfcf9af2d0cfa2408ff5ca1ad9b9838b0672a8a0",
            "50ee21f96bc12dff",
        ),
        _hex(
            "12202903000000000200020000000408f07ff8783396c733bfaad92aa898653c",
            "3616e13294932f24204f97c72ddb3462dbb23f47ea4a299198382e2af10682a7",
            "d4cbe3f9c06278ac032bd958e5229a04a06002041261877bbf099cd90fdec685",
            "d6262945eb562d85",
        ),
        (
            SealedPacket(
                1449719031,
                1,
                0,
                _hex("48c3d283cf01ae56190912c1ab815a856948ecb04f9aed9db7e50f87554d09f0"),
                _hex("71a1bc9d1f3602fc42007076c9daedad7381014c"),
            ),
            SealedPacket(
                1449719070,
                1,
                39,
                _hex("b80a979e6a64b787354b50e6b7c45cb0b22b9942eb3696d813cd1935595fb43c"),
                _hex("857c2be1fc971bd11f770a2573cc82e51dd684ce"),
            ),
            SealedPacket(
                1449719071,
                2,
                40,
                _hex("9704924781fcfd6324e4b8e7827ebf80de773e800f07a7d6715c0afb400c05bb"),
                _hex("75b8d6716e9d699b669dd7fdc34f535d91ad572f"),
            ),
            SealedPacket(
                1449719090,
                2,
                59,
                _hex("02d524099c360a6cd562ef0f0bb99a6d28646dbe4efed2510a81544e8d346cf2"),
                _hex("d387c593f3194728d227f5ae3e2b0f8e5a4283a3"),
            ),
        ),
    ),
)
