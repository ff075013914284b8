"""What checks tokens, as the settings say."""

from functools import partial
from pathlib import Path

from emprops.auth.jwks import IssuerKeys, KeySetError, from_file, from_url, parse_key_set
from emprops.auth.role_names import roles_in
from emprops.auth.tokens import SharedSecret, TokenVerifier
from emprops.kit.outbound.client import GuardedClient
from emprops.settings import Settings, SettingsError


def verifier_from(settings: Settings, client: GuardedClient) -> TokenVerifier | None:
    """Make what checks tokens; None if the settings name no key. Raises :class:`SettingsError` for an unusable file."""
    secret = settings.jwt_secret.get_secret_value()
    issuer, audience, roles = settings.jwt_issuer, settings.jwt_audience, partial(roles_in, settings=settings)
    if secret:
        return TokenVerifier(SharedSecret(secret.encode()), issuer, audience, roles)
    if settings.jwks_url:
        return TokenVerifier(IssuerKeys(from_url(client, settings.jwks_url)), issuer, audience, roles)
    if settings.jwks_file:
        path = Path(settings.jwks_file)
        try:
            keys = parse_key_set(path.read_bytes())
        except (OSError, KeySetError) as error:
            raise SettingsError(f"EMPROPS_JWKS_FILE={path} cannot be used: {error}.") from error
        return TokenVerifier(IssuerKeys(from_file(path), keys=keys), issuer, audience, roles)
    return None
