"""Signs in to a service through the browser of this machine (RFC 8252): with PKCE, and a loop-back address for the end.

The standard library's alone, so that it costs little to import.
"""

import base64
import hashlib
import os
import secrets
import sys
import threading
import webbrowser
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from sshcast.errors import CommandFailed
from sshcast.remote.loopback import Callback, listen
from sshcast.words import choose

START = "/auth/cli/start"
EXCHANGE = "/auth/cli/token"
SECONDS = 300.0
ADVICE = "run `sshcast login` again"
ADVICE_ZH = "请再次运行 `sshcast login`"
FAILED = (f"The service did not sign you in: {ADVICE}", f"服务未让您登录：{ADVICE_ZH}")
# What the service says of a sign-in that came to nothing, by its reason: in English and in Chinese.
REFUSALS = {
    "cancelled": (
        f"The sign-in was cancelled in the browser: {ADVICE} to sign in",
        f"登录已在浏览器中取消：如需登录，{ADVICE_ZH}",
    ),
    "expired": (
        f"The sign-in took too long, or went on in another browser: {ADVICE}",
        f"登录用时过长，或在另一浏览器中进行：{ADVICE_ZH}",
    ),
    "denied": (f"The identity provider did not let you in: {ADVICE}", f"身份提供方未让您登录：{ADVICE_ZH}"),
    "invalid": (
        f"What the identity provider answered is not valid: {ADVICE}, and if it stays so, tell an admin",
        f"身份提供方的应答无效：{ADVICE_ZH}，若仍如此，请告知管理员",
    ),
    "no_role": (
        "None of your groups has a role at this service: ask an admin",
        "您所在的组在此服务中都没有角色：请联系管理员",
    ),
    "disabled": ("Your account is disabled at this service: ask an admin", "您的账户在此服务中已停用：请联系管理员"),
    "busy": (
        "Too many failed sign-ins from this address: wait a while, then try again",
        "来自此地址的失败登录过多：请等一会儿再试",
    ),
    "unavailable": (
        "The service cannot reach its identity provider: try again shortly",
        "服务无法连接其身份提供方：请稍后再试",
    ),
}

# Where none of these is set, the browser would be one of the terminal, which would take it over.
DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
WITH_DISPLAY = ("darwin", "win32", "cygwin")

Post = Callable[[str, dict[str, str]], dict[str, Any]]


class BrowserSignInFailed(CommandFailed):
    """The sign-in through the browser came to nothing. `reason` is a word of a closed list, for programs."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class BrowserTokens:
    """The tokens of the new session, as `login` gives them, and who is signed in."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    username: str
    role: str


def _open_browser(page: str) -> None:
    """Open the page in the person's browser, where this machine has a display."""
    if sys.platform in WITH_DISPLAY or any(map(os.environ.get, DISPLAYS)):
        webbrowser.open(page)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserSignIn:
    """A sign-in at the service of `url`, an address without a slash at its end.

    `post` sends a JSON object to an address and returns that of the answer; it raises for an answer that is an error.
    `say` shows a line to the person, `open_page` opens their browser. After `seconds` nobody is waited for any more.
    """

    url: str
    post: Post
    say: Callable[[str], None]
    open_page: Callable[[str], object] = _open_browser
    seconds: float = SECONDS

    def sign_in(self) -> BrowserTokens:
        """Return the tokens once the person has signed in. Raise BrowserSignInFailed, and what `post` raises."""
        verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(32)
        with listen(state) as listener:
            page = self._build_address(listener.address, state, verifier)
            self.say(
                choose(
                    f"Sign in in your browser. The command line waits at port {listener.port}: the page names it too.",
                    f"请在浏览器中登录。命令行在端口 {listener.port} 等待：页面上也有此端口。",
                )
            )
            self.say(
                choose(
                    f"If no browser opens on this computer, open this address in one: {page}",
                    f"若本机没有打开浏览器，请在浏览器中打开此地址：{page}",
                )
            )
            threading.Thread(target=self._show_page, args=(page,), name="open a browser", daemon=True).start()
            callback = listener.wait(self.seconds)
        return self._exchange(callback, verifier)

    def _build_address(self, redirect: str, state: str, verifier: str) -> str:
        digest = hashlib.sha256(verifier.encode()).digest()
        query = {
            "redirect": redirect,
            "state": state,
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        return f"{self.url}{START}?{urlencode(query)}"

    def _show_page(self, page: str) -> None:
        """Open the page. In a thread of its own, as a browser of the terminal goes on until it is left."""
        try:
            self.open_page(page)
        except (OSError, webbrowser.Error):
            return  # the address was shown

    def _exchange(self, callback: Callback | None, verifier: str) -> BrowserTokens:
        if callback is None:
            minutes = f"{self.seconds / 60:g} minutes"
            raise BrowserSignInFailed(
                choose(
                    f"Nobody signed in in the browser within {minutes}: {ADVICE}",
                    f"{self.seconds / 60:g} 分钟内无人在浏览器中登录：{ADVICE_ZH}",
                ),
                "timeout",
            )
        if callback.code is None:
            reason = callback.error or "failed"
            raise BrowserSignInFailed(
                choose(*REFUSALS.get(reason, FAILED)),
                reason if reason in REFUSALS else "failed",
            )
        answer = self.post(self.url + EXCHANGE, {"code": callback.code, "codeVerifier": verifier})
        return _parse_tokens(answer)


def _parse_tokens(answer: Mapping[str, Any]) -> BrowserTokens:
    try:
        data = answer["data"]
        user = data["user"]
        found = [data["access_token"], data["refresh_token"], user["username"], user["role"]]
    except (KeyError, TypeError):
        found = []
    if not found or not all(isinstance(each, str) for each in found):
        raise BrowserSignInFailed(
            choose(
                f"The service's answer has no tokens: is it sshcast, of this version? If so, {ADVICE}",
                f"服务的应答中没有令牌：它是此版本的 sshcast 吗？若是，{ADVICE_ZH}",
            ),
            "failed",
        )
    return BrowserTokens(*found)
