"""Credentials of servers: checked as they are given, and sealed."""

import asyncio
from dataclasses import fields, replace
from typing import Any, Literal

import orjson

from resolvers import validation
from resolvers.errors import Invalid
from resolvers.inputs import NewCredential
from runner.secrets.bindings import build_credential_binding
from runner.secrets.vault import Vault
from runner.ssh.keys import check_credential
from runner.ssh.protocol import BadCredential, Credential

LONGEST_PASSWORD = 1024
LONGEST_KEY = 65_536


def seal(vault: Vault, id: int, credential: Credential) -> dict[str, Any]:
    secret = {
        "kind": credential.kind,
        "secret": credential.secret,
        "passphrase": credential.passphrase,
        "certificate": credential.certificate,
    }
    blob = vault.seal(orjson.dumps(secret), **build_credential_binding(id))
    return {"credential": blob, "credential_kind": credential.kind}


async def build_in_thread(new: NewCredential) -> Credential:
    """Build the credential in a thread: decrypting a private key takes a second of CPU, by design."""
    return await asyncio.to_thread(_build, new)


def _build(new: NewCredential) -> Credential:
    """Return the credential in the form that the SSH client takes; Invalid names the field that is wrong."""
    if (new.password is None) == (new.private_key is None):
        raise Invalid("credential", "needs either password or privateKey.", "须提供 password 或 privateKey 之一。")
    new = replace(new, passphrase=new.passphrase or None)  # web forms send an empty text for none
    for item in fields(new):
        _check_length(item.name, getattr(new, item.name))
    if new.password is not None:
        if new.passphrase or new.certificate:
            raise Invalid(
                ("credential", "password"),
                "must be without passphrase or certificate.",
                "不能同时提供 passphrase 或 certificate。",
            )
        return Credential("password", new.password)
    kind: Literal["key", "certificate"] = "key" if new.certificate is None else "certificate"
    credential = Credential(kind, new.private_key or "", new.passphrase, new.certificate)
    try:
        check_credential(credential)
    except BadCredential as error:
        raise Invalid(("credential", error.field), error.message, error.zh) from error
    return credential


def _check_length(name: str, value: str | None) -> None:
    longest = LONGEST_PASSWORD if name in ("password", "passphrase") else LONGEST_KEY
    if value is None:
        return
    if not 1 <= len(value) <= longest:
        raise Invalid(("credential", name), f"must be 1 to {longest} characters.", f"长度须为 1 到 {longest} 个字符。")
    validation.check_encodable(("credential", name), value)
