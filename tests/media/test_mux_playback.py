"""Signed playback: what Mux would accept, and nothing that it would not."""

import base64
from collections.abc import Callable

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from emprops.media.mux.playback import Signer, playback_of, signer_from
from emprops.settings import Settings, SettingsError

NOW = 1_800_000_000.0
ID = "7iwyZezQo4fjZoYPOMV9NWe1vuXMg6fE5lBKqQvnXOE"


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return generate_rsa(65537, 2048)


def as_mux_shows_it(key: RSAPrivateKey, kind: PrivateFormat = PrivateFormat.TraditionalOpenSSL) -> str:
    return base64.b64encode(key.private_bytes(Encoding.PEM, kind, NoEncryption())).decode()


def settings(**changes: object) -> Settings:
    return Settings(mode="test", mux_signing_key_id="k-1", **changes)


def test_each_audience_gets_a_token_of_its_own(key: RSAPrivateKey) -> None:
    signer = Signer("k-1", key, 600.0, clock=lambda: NOW)
    playback = signer.playback(ID)
    tokens = {"v": playback.token, "t": playback.thumbnail_token, "s": playback.storyboard_token}
    for audience, token in tokens.items():
        header = jwt.get_unverified_header(token)
        assert (header["alg"], header["kid"]) == ("RS256", "k-1")
        claims = jwt.decode(
            token, key.public_key(), algorithms=["RS256"], audience=audience, options={"verify_exp": False}
        )
        assert claims == {"sub": ID, "aud": audience, "exp": int(NOW) + 600, "kid": "k-1"}
        with pytest.raises(jwt.InvalidSignatureError):
            jwt.decode(token, generate_rsa(65537, 2048).public_key(), algorithms=["RS256"], audience=audience)
    assert playback.id == ID
    assert len(set(tokens.values())) == 3


@pytest.mark.parametrize("kind", [PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8])
def test_the_key_as_mux_shows_it(key: RSAPrivateKey, kind: PrivateFormat) -> None:
    signer = signer_from(settings(mux_signing_key=as_mux_shows_it(key, kind), mux_playback_life=60))
    assert signer is not None
    token = playback_of(signer, ID).token
    assert jwt.decode(token, key.public_key(), algorithms=["RS256"], audience="v")["sub"] == ID


def test_public_videos_have_no_tokens() -> None:
    assert signer_from(Settings(mode="test")) is None
    playback = playback_of(None, ID)
    assert (playback.id, playback.token, playback.thumbnail_token, playback.storyboard_token) == (ID, "", "", "")


def elliptic(_: RSAPrivateKey) -> str:
    pem = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return base64.b64encode(pem).decode()


@pytest.mark.parametrize(
    "given",
    [
        lambda _: "",
        lambda _: "not base64!",
        lambda _: base64.b64encode(b"no PEM").decode(),
        lambda key: base64.b64decode(as_mux_shows_it(key)).decode(),  # the PEM itself
        elliptic,
    ],
)
def test_a_key_that_cannot_sign_keeps_the_api_from_starting(
    key: RSAPrivateKey, given: Callable[[RSAPrivateKey], str]
) -> None:
    with pytest.raises(SettingsError, match="EMPROPS_MUX_SIGNING_KEY") as refusal:
        signer_from(settings(mux_signing_key=given(key)))
    assert "PRIVATE KEY" not in str(refusal.value)
