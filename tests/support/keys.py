"""Private keys of no account: one as it is, one behind a passphrase."""

import asyncssh

KEY = asyncssh.generate_private_key("ssh-ed25519")
PLAIN = KEY.export_private_key().decode()
ENCRYPTED = KEY.export_private_key(passphrase="right").decode()
