"""Which identity settings are safe together. Checked before anything is opened; each refusal is one sentence."""

import ipaddress
from urllib.parse import urlsplit

from emprops.auth.role_names import named_roles
from emprops.settings import Settings, SettingsError

MIN_SECRET_BYTES = 32
MIN_DIFFERENT_BYTES = 10
SAMPLES = ("change", "secret", "example", "sample", "password", "placeholder", "default", "12345678", "your-")
"""Words of secrets that were copied from some documentation."""
HOW_TO_MAKE_ONE = "make one with `openssl rand -base64 48`"


def check_settings(settings: Settings) -> None:
    """Raise :class:`SettingsError` if this mode must not be served with these settings."""
    sources = [settings.jwt_secret.get_secret_value(), settings.jwks_file, settings.jwks_url]
    given = sum(map(bool, sources))
    if given > 1:
        raise SettingsError(
            "Set only one of EMPROPS_JWT_SECRET, EMPROPS_JWKS_FILE and EMPROPS_JWKS_URL: tokens come from one issuer."
        )
    if settings.mode == "production":
        if not given:
            raise SettingsError(
                "EMPROPS_MODE=production needs to know who signs tokens: set EMPROPS_JWT_SECRET"
                f" ({HOW_TO_MAKE_ONE}), or EMPROPS_JWKS_FILE or EMPROPS_JWKS_URL."
            )
    elif settings.mode == "local" and not is_loopback(settings.host) and not settings.allow_remote_local:
        raise SettingsError(
            f"EMPROPS_HOST={settings.host} would let other machines in, and local mode believes what they say about"
            " who they are: set EMPROPS_MODE=production, or, behind a gateway that sets the user_id header,"
            " EMPROPS_ALLOW_REMOTE_LOCAL=1."
        )
    _check_oidc(settings)
    _check_metrics_token(settings.metrics_token.get_secret_value())
    _check_tokens(settings, public_keys=bool(settings.jwks_file or settings.jwks_url))


def _check_oidc(settings: Settings) -> None:
    if bool(settings.oidc_issuer) != bool(settings.oidc_client_id):
        raise SettingsError("EMPROPS_OIDC_ISSUER and EMPROPS_OIDC_CLIENT_ID are needed together.")
    if settings.oidc_issuer and not is_safe_url(settings.oidc_issuer):
        raise SettingsError("EMPROPS_OIDC_ISSUER must be an https:// URL: who signs in there runs the installation.")


def _check_metrics_token(token: str) -> None:
    if token and (len(token.encode()) < MIN_SECRET_BYTES or looks_like_a_sample(token)):
        raise SettingsError(
            f"EMPROPS_METRICS_TOKEN is shorter than {MIN_SECRET_BYTES} bytes, or a sample: {HOW_TO_MAKE_ONE}."
        )


def _check_tokens(settings: Settings, *, public_keys: bool) -> None:
    secret = settings.jwt_secret.get_secret_value()
    if secret and len(secret.encode()) < MIN_SECRET_BYTES:
        raise SettingsError(f"EMPROPS_JWT_SECRET is shorter than {MIN_SECRET_BYTES} bytes: {HOW_TO_MAKE_ONE}.")
    if secret and looks_like_a_sample(secret):
        raise SettingsError(f"EMPROPS_JWT_SECRET looks like a sample, which others know too: {HOW_TO_MAKE_ONE}.")
    if not settings.jwt_issuer or not settings.jwt_audience:
        raise SettingsError(
            "EMPROPS_JWT_ISSUER and EMPROPS_JWT_AUDIENCE must not be empty: without them, tokens made for others pass."
        )
    try:
        named_roles(settings.role_names)
    except ValueError as error:
        raise SettingsError(f"EMPROPS_ROLE_NAMES: {error}") from None
    if public_keys and "jwt_issuer" not in settings.model_fields_set:
        raise SettingsError("EMPROPS_JWKS_FILE and EMPROPS_JWKS_URL need EMPROPS_JWT_ISSUER, the `iss` of its tokens.")
    if settings.jwks_url and not is_safe_url(settings.jwks_url):
        raise SettingsError("EMPROPS_JWKS_URL must be an https:// URL: keys that come over http can be exchanged.")


def is_safe_url(url: str) -> bool:
    """Return whether what is fetched from a URL cannot be exchanged on its way."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))


def looks_like_a_sample(secret: str) -> bool:
    """Return whether a secret was copied or typed instead of drawn at random."""
    return len(set(secret.encode())) < MIN_DIFFERENT_BYTES or any(word in secret.lower() for word in SAMPLES)


def is_for_one_machine(settings: Settings) -> bool:
    """Return whether the api believes what callers say about themselves, because only this machine reaches it."""
    return settings.mode == "local" and is_loopback(settings.host) and not settings.allow_remote_local


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches an address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
