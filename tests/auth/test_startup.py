"""Settings that must not be served keep the api from starting, with one sentence each."""

from pathlib import Path
from typing import Any

import pytest
from tests.auth.tokens import SECRET, Pair, key_set
from typer.testing import CliRunner

from emprops.auth.authenticators import Proven, TrustedHeader, authenticator_for
from emprops.auth.startup import is_loopback
from emprops.cli.main import app
from emprops.main import create_app
from emprops.settings import Settings, SettingsError

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "who signs tokens"),
    "short": ({"jwt_secret": SECRET[:31]}, "shorter than 32 bytes"),
    "sample": ({"jwt_secret": "change-me-change-me-change-me-change-me"}, "looks like a sample"),
    "from a page": ({"jwt_secret": "a-string-secret-at-least-256-bits-long"}, "looks like a sample"),
    "one letter": ({"jwt_secret": "a" * 64}, "looks like a sample"),
    "two sources": ({"jwt_secret": SECRET, "jwks_url": "https://a.example/keys"}, "only one of"),
    "no audience": ({"jwt_secret": SECRET, "jwt_audience": ""}, "must not be empty"),
    "no issuer": ({"jwks_url": "https://a.example/keys"}, "need EMPROPS_JWT_ISSUER"),
    "http": ({"jwks_url": "http://a.example/keys", "jwt_issuer": "a"}, "https://"),
    "http, nearly local": ({"jwks_url": "http://127.0.0.1.example/keys", "jwt_issuer": "a"}, "https://"),
    "no URL": ({"jwks_url": "keys", "jwt_issuer": "a"}, "https://"),
    "no file": ({"jwks_file": "/nowhere/keys.json", "jwt_issuer": "a"}, "cannot be used"),
    "no host": ({"jwt_secret": SECRET, "outbound_allow": "https://a/b"}, "EMPROPS_OUTBOUND_ALLOW"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_production_is_refused(name: str) -> None:
    values, sentence = REFUSED[name]
    with pytest.raises(SettingsError, match=sentence) as refusal:
        create_app(Settings(mode="production", **values))
    assert "\n" not in str(refusal.value)
    assert not values.get("jwt_secret") or values["jwt_secret"] not in str(refusal.value)


def test_an_unusable_key_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text('{"keys": []}')
    with pytest.raises(SettingsError, match="no public"):
        authenticator_for(Settings(mode="production", jwks_file=str(file), jwt_issuer="a"))
    file.write_bytes(key_set(Pair("a", "OKP")))
    assert isinstance(authenticator_for(Settings(mode="production", jwks_file=str(file), jwt_issuer="a")), Proven)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_local_mode_stays_on_this_machine(host: str) -> None:
    with pytest.raises(SettingsError, match="EMPROPS_MODE=production"):
        create_app(Settings(mode="local", host=host))
    assert isinstance(authenticator_for(Settings(mode="local", host=host, allow_remote_local=True)), TrustedHeader)
    assert isinstance(authenticator_for(Settings(mode="production", host=host, jwt_secret=SECRET)), Proven)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "localhost", "::1", "[::1]"])
def test_this_machine(host: str) -> None:
    assert is_loopback(host)
    assert isinstance(authenticator_for(Settings(mode="local", host=host)), TrustedHeader)


def test_secrets_do_not_show() -> None:
    assert SECRET not in f"{Settings(jwt_secret=SECRET)!r}{Settings(jwt_secret=SECRET)}"


def test_the_command_ends_with_the_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMPROPS_HOST", "0.0.0.0")
    result = CliRunner().invoke(app, ["api"])
    assert result.exit_code == 1
    assert "EMPROPS_ALLOW_REMOTE_LOCAL=1" in result.stderr
    assert "Traceback" not in result.stderr
