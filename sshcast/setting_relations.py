"""Checks settings that depend on each other. ValueError says what is wrong, and names the settings."""

from collections.abc import Mapping
from typing import Any

from sshcast.environment import variable_of

BOUNDED = (("default_timeout", "max_timeout"), ("default_output_limit", "max_output_limit"))


def check_relations(values: Mapping[str, Any]) -> None:
    """Check the settings, given by their names; raise ValueError for the first that lacks another or exceeds it."""
    _check_issuer(values)
    _check_key_before(values)
    _check_defaults(values)
    _check_operations(values)
    _check_certificate(values)


def _check_issuer(values: Mapping[str, Any]) -> None:
    needed = ("oidc_client_id", "public_url")
    absent = [variable_of(name) for name in needed if not values[name]]
    if values["oidc_issuer"] and absent:
        raise ValueError(f"SSHCAST_OIDC_ISSUER: needs {' and '.join(absent)} too: set that as well")
    audience = values["oidc_audience"]
    if values["oidc_token_type"] == "JWT" and audience and audience == values["oidc_client_id"]:  # noqa: S105
        raise ValueError(
            "SSHCAST_OIDC_AUDIENCE: must not be what SSHCAST_OIDC_CLIENT_ID is, or ID tokens would pass for access "
            "tokens: have the provider make its access tokens for an audience of their own"
        )


def _check_key_before(values: Mapping[str, Any]) -> None:
    if values["secret_key_before"] and values["secret_key"] is None:
        raise ValueError(
            "SSHCAST_SECRET_KEY_BEFORE: is for use with SSHCAST_SECRET_KEY, which is not set: give both, or have "
            "both keys in the data folder's secret.key, a line each, the current one first"
        )


def _check_defaults(values: Mapping[str, Any]) -> None:
    for default, most in BOUNDED:
        if values[default] > values[most]:
            raise ValueError(
                f"{variable_of(default)}: is {values[default]}, and must be at most "
                f"{variable_of(most)}, which is {values[most]}"
            )


def _check_operations(values: Mapping[str, Any]) -> None:
    if values["operations_only"] and values["operations"] is None:
        raise ValueError("SSHCAST_OPERATIONS_ONLY: needs SSHCAST_OPERATIONS too: set that as well")


def _check_certificate(values: Mapping[str, Any]) -> None:
    for given, other in (("tls_cert", "tls_key"), ("tls_key", "tls_cert")):
        if values[given] is not None and values[other] is None:
            raise ValueError(f"{variable_of(given)}: needs {variable_of(other)} too: set that as well")
