"""The small pages of a command line's sign-in: the question before it, an error, and the way on. None has a script."""

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from urllib.parse import quote, urlsplit

from starlette.responses import Response

from resolvers.errors import Language
from resolvers.provider import CommandLineRequest
from sshcast.http.answers import HEADERS

STYLE = (
    ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:12vh auto 0;"
    "padding:0 1rem}h1{font-size:1.25rem}p{overflow-wrap:anywhere}form{display:flex;gap:1rem;align-items:center}"
    "button{font:inherit;padding:.5rem 1.25rem;cursor:pointer}"
)
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
CSP = (
    f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
WORDS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "lang": "en",
        "asks": "Sign in a command line?",
        "wants": "The command line on this computer wants to sign in to sshcast at {host} as you. "
        "It can then do there whatever you can.",
        "only": "Continue only if you have just started `sshcast login` yourself, and it waits at port {port}.",
        "continue": "Continue",
        "cancel": "Cancel",
        "refused": "No sign-in",
        "leads": "Signing in",
        "onward": "You are sent on. If nothing happens, ",
        "here": "go on here",
    },
    "zh": {
        "lang": "zh-CN",
        "asks": "允许命令行登录？",
        "wants": "本机上的命令行请求以您的身份登录 {host} 的 sshcast，登录后可执行您有权执行的一切操作。",
        "only": "仅当您刚刚自己运行了 `sshcast login`，且它正在端口 {port} 上等待时，才应继续。",
        "continue": "继续",
        "cancel": "取消",
        "refused": "无法登录",
        "leads": "正在登录",
        "onward": "正在跳转。如果没有反应，请",
        "here": "点此继续",
    },
}


def build_question(language: Language, host: str, asked: CommandLineRequest, guard: str) -> Response:
    """Ask the person whether the command line may sign in. The form has what was asked, and the guard of its cookie.

    The page may name itself to this service: a form of a page that sends no referrer has the origin `null`.
    """
    words = WORDS[language]
    port = urlsplit(asked.redirect).port
    fields = {"redirect": asked.redirect, "state": asked.state, "code_challenge": asked.challenge}
    fields |= {"code_challenge_method": "S256", "guard": guard}
    hidden = "".join(f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in fields.items())
    cancel = add_query(asked.redirect, error="cancelled", state=asked.state)
    body = (
        f"<h1>{words['asks']}</h1><p>{escape(words['wants'].format(host=host))}</p>"
        f"<p>{escape(words['only'].format(port=port))}</p>"
        f'<form method="post" action="start">{hidden}<button>{words["continue"]}</button>'
        f'<a href="{escape(cancel)}">{words["cancel"]}</a></form>'
    )
    return _build_page(language, words["asks"], body, referrer="same-origin")


def build_onward_page(language: Language, address: str) -> Response:
    """Send the browser on without a redirect.

    Browsers hold a form to `form-action` through all redirects after it, also the provider's form: a redirect to a
    loop-back address would end there.
    """
    words, link = WORDS[language], escape(quote(address, safe=":/%#?=@[]!$&'()*+,;~"))
    body = f'<h1>{words["leads"]}</h1><p>{words["onward"]}<a href="{link}">{words["here"]}</a>.</p>'
    return _build_page(language, words["leads"], body, head=f'<meta http-equiv="refresh" content="0;url={link}">')


def build_error_page(language: Language, text: str, status: int) -> Response:
    title = WORDS[language]["refused"]
    return _build_page(language, title, f"<h1>{title}</h1><p>{escape(text)}</p>", status=status)


def add_query(redirect: str, **query: str) -> str:
    """Return the checked loop-back address, which has no query, with this one of safe characters."""
    return f"{redirect}?{'&'.join(f'{name}={value}' for name, value in query.items())}"


def _build_page(
    language: Language, title: str, body: str, *, head: str = "", status: int = 200, referrer: str = "no-referrer"
) -> Response:
    text = (
        f'<!doctype html><html lang="{WORDS[language]["lang"]}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width">{head}<title>{title} · sshcast</title>'
        f"<style>{STYLE}</style></head><body><main>{body}</main></body></html>"
    )
    headers = HEADERS | {"Content-Security-Policy": CSP, "Referrer-Policy": referrer}
    return Response(text, status, headers, "text/html")
