"""Explains why a server that speaks SSH refused the sign-in, in the server's words if it gave any, and what to do."""

from runner.ssh.algorithms import RSA_SIGNATURES
from runner.ssh.protocol import ConnectFailed, Endpoint
from runner.ssh.sign_in.server_messages import (
    show,
    speaks_of_account,
    speaks_of_change,
    speaks_of_mistake,
    speaks_of_restart,
)
from runner.ssh.sign_in.sign_in import SignIn

SHORT_BANNER = 200
MOST_METHODS = 10
HOST_NOT_ALLOWED, TOO_MANY_CONNECTIONS = 1, 12

Said = tuple[str, str]
"""What happened, and what to do about it."""


def explain_refusal(endpoint: Endpoint, sign_in: SignIn, error: Exception) -> ConnectFailed:
    """Explain a sign-in that the server refused."""
    happened, advice = _tell(endpoint, sign_in, error)
    words = "" if _wants_more(sign_in) else _find_account_words(sign_in)
    if words:
        return _build_refusal(f"{happened}, and says {_quote(sign_in, words)}.", words)
    reply, banner = _quote(sign_in, sign_in.reply), _quote(sign_in, sign_in.banner)
    says = f", and says {reply}" if reply else ""
    detail = f"{happened}{says}. {advice}" + (f" Its banner: {banner}." if banner else "")
    return ConnectFailed("AUTH_FAILED", detail)


def explain_disconnect(endpoint: Endpoint, sign_in: SignIn) -> ConnectFailed | None:
    """Explain a disconnect with a reason, during the sign-in or because of our address; None for other disconnects."""
    if sign_in.disconnect is None:
        return None
    code, text = sign_in.disconnect
    if not sign_in.has_begun and code not in (HOST_NOT_ALLOWED, TOO_MANY_CONNECTIONS):
        return None
    happened, advice = _tell(endpoint, sign_in)
    words = f"{sign_in.reply} {text}"
    told = f"{happened}, and ended the connection with {_quote(sign_in, words) or 'no words'}."
    if code == TOO_MANY_CONNECTIONS:
        return ConnectFailed("AUTH_FAILED", f"{told} Try again later.", passing=True)
    if "authentication failures" in text:
        advice = f"{advice} On the server, look at MaxAuthTries."
    elif not _wants_more(sign_in):
        return _build_refusal(told, words)
    return ConnectFailed("AUTH_FAILED", f"{told} {advice}")


def explain_loss(endpoint: Endpoint, sign_in: SignIn) -> ConnectFailed | None:
    """Explain a connection that ended during the sign-in, as OpenSSH ends it for an account that PAM denies."""
    if not sign_in.failures:
        return None
    happened, advice = _tell(endpoint, sign_in)
    if _wants_more(sign_in):
        return ConnectFailed("AUTH_FAILED", f"{happened}, and closed the connection. {advice}")
    words = sign_in.reply or _find_account_words(sign_in)
    if words:
        return _build_refusal(f"{happened}: it closed the connection, and says {_quote(sign_in, words)}.", words)
    return ConnectFailed(
        "AUTH_FAILED",
        f"The server closed the connection during the {_describe_attempt(endpoint)}, without a word. "
        "Look at its log: an account that is locked, expired or denied by PAM ends so, and a server that goes down.",
        passing=True,
    )


def explain_garbled(endpoint: Endpoint, what: str) -> ConnectFailed:
    """Explain a protocol error of the server during the sign-in, such as a prompt that is not UTF-8."""
    return ConnectFailed(
        "AUTH_FAILED",
        f"In {_describe_attempt(endpoint)} the server sent what cannot be read ({what}). "
        "Let this account sign in by a key, or have that server send UTF-8.",
    )


def _build_refusal(told: str, words: str) -> ConnectFailed:
    """Build the error. It passes if the words speak of a restart: pam_nologin does while a machine goes down."""
    passing = speaks_of_restart(words)
    advice = "Try again when that is over." if passing else "Settle that on the server."
    return ConnectFailed("AUTH_FAILED", f"{told} {advice}", passing=passing)


def _wants_more(sign_in: SignIn) -> bool:
    """True if the server did not refuse the credential itself, but wanted more."""
    return sign_in.accepted or sign_in.asks_code or sign_in.wants_change or bool(sign_in.asked)


def _tell(endpoint: Endpoint, sign_in: SignIn, error: Exception | None = None) -> Said:
    """Return the first explanation that applies; the most specific ones are tried first."""
    for explain in (_tell_change, _tell_more, _tell_question, _tell_methods, _tell_signatures, _tell_certificate):
        said = explain(endpoint, sign_in)
        if said is not None:
            return said
    if "Trivial auth" in str(error):
        return (
            f"The server lets {endpoint.username!r} in without any credential, which sshcast does not use",
            "Set a password or a key for this account on the server.",
        )
    what = _name_credential(endpoint)
    return f"The server refused {_describe_attempt(endpoint)}", f"Check the user name and the {what}."


def _tell_change(endpoint: Endpoint, sign_in: SignIn) -> Said | None:
    if not (sign_in.wants_change or speaks_of_change(sign_in.reply)):
        return None
    return (
        f"The password of {endpoint.username!r} has to be changed before the server lets anybody in"
        f"{_quote_question(sign_in)}",
        "Sign in by hand and set a new one, then store it in sshcast.",
    )


def _tell_more(endpoint: Endpoint, sign_in: SignIn) -> Said | None:
    if not sign_in.accepted:
        return None
    return (
        f"The server accepted the {_name_credential(endpoint)} of {endpoint.username!r}, "
        f"and wants {_describe_missing(sign_in)} too",
        "Let this account sign in by one of them alone (AuthenticationMethods).",
    )


def _describe_missing(sign_in: SignIn) -> str:
    if sign_in.asked:
        return f"{'a one-time code' if sign_in.asks_code else 'an answer'}{_quote_question(sign_in)}"
    names = {"password": "a password", "publickey": "a key", "keyboard-interactive": "an answer to a question"}
    return " or ".join(names.get(name) or show(name) for name in sign_in.methods_left[:MOST_METHODS]) or "something"


def _tell_question(endpoint: Endpoint, sign_in: SignIn) -> Said | None:
    if not sign_in.asked:
        return None
    if sign_in.asks_code:
        alone = ", after it did not take the password alone" if sign_in.password_refused else ""
        return (
            f"The server asks {endpoint.username!r} for a one-time code{_quote_question(sign_in)}{alone}",
            "sshcast has none to give: let this account sign in by a key or a password alone.",
        )
    return (
        f"The server asks {endpoint.username!r} what sshcast does not answer{_quote_question(sign_in)}",
        "Let this account sign in by a key, or by a password that is asked for alone and not shown.",
    )


def _tell_methods(endpoint: Endpoint, sign_in: SignIn) -> Said | None:
    is_password = endpoint.credential.kind == "password"
    usable = {"password", "keyboard-interactive"} if is_password else {"publickey"}
    if not sign_in.failures or usable & set(sign_in.methods):
        return None
    methods = show(", ".join(sign_in.methods[:MOST_METHODS])).strip('"') or "nothing"
    kind = "password" if is_password else "key"
    return (
        f"The server takes no {kind} from {endpoint.username!r}: it offers {methods}",
        f"Give this server another credential, or allow {_name_setting(is_password)} on the server.",
    )


def _name_setting(is_password: bool) -> str:
    return "PasswordAuthentication" if is_password else "PubkeyAuthentication"


def _tell_signatures(endpoint: Endpoint, sign_in: SignIn) -> Said | None:
    if endpoint.credential.kind == "password":
        return None
    taken = sign_in.signatures
    if sign_in.key_untried and (taken is None or "ssh-rsa" in taken):
        named = "names no RSA signature newer than SHA-1" if taken is None else "takes RSA keys with SHA-1 alone"
        return (
            f"The {_name_credential(endpoint)} was not tried: the server {named}, which is not safe",
            "Use an Ed25519 or ECDSA key if it takes one, or update that SSH server; until then an admin may allow it "
            "ssh-rsa (SSH_RSA_SHA1 of legacyAlgorithms).",
        )
    if taken is None or not taken.isdisjoint(_list_signatures(sign_in.key_type)):
        return None
    named = show(", ".join(sorted(taken))).strip('"')
    return (
        f"The server takes no key of type {sign_in.key_type} from {endpoint.username!r}, only signatures by {named}",
        "Use a key of such a type.",
    )


def _list_signatures(key_type: str) -> tuple[str, ...]:
    return (*RSA_SIGNATURES, key_type) if key_type == "ssh-rsa" else (key_type,)


def _tell_certificate(endpoint: Endpoint, sign_in: SignIn) -> Said | None:
    """Explain a refused certificate by its principals: the server itself gives no reason."""
    if not sign_in.principals or endpoint.username in sign_in.principals:
        return None
    names = show(", ".join(sign_in.principals[:MOST_METHODS])).strip('"')
    return (
        f"The server refused {_describe_attempt(endpoint)}; the certificate is for {names}",
        "Have it signed for this user name, or list its principal on the server (AuthorizedPrincipalsFile).",
    )


def _describe_attempt(endpoint: Endpoint) -> str:
    return f"authentication of {endpoint.username!r} by {_name_credential(endpoint)}"


def _name_credential(endpoint: Endpoint) -> str:
    return {"password": "password", "key": "private key", "certificate": "certificate"}[endpoint.credential.kind]


def _find_account_words(sign_in: SignIn) -> str:
    """Return what the server said about the account or all accounts. A long banner greets every client: no reply."""
    if speaks_of_account(sign_in.reply) or not speaks_of_mistake(sign_in.reply):
        return sign_in.reply
    early = sign_in.banner
    return early if len(early) <= SHORT_BANNER and speaks_of_account(early) else ""


def _quote_question(sign_in: SignIn) -> str:
    asked = _quote(sign_in, sign_in.asked)
    return f" ({asked})" if asked else ""


def _quote(sign_in: SignIn, text: str) -> str:
    return show(text, secret=sign_in.secret)
