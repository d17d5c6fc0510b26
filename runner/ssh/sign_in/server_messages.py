"""Shows a server's messages safely, and recognizes what they speak of.

The text comes from the far side, so what is shown is bounded, printable, quoted and free of our secrets. What is
recognized decides which explanation is given, and whether a prompt may get the password.
"""

import re
import unicodedata

MOST_SHOWN = 300

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]|\x9b[0-?]*[ -/]*[@-~]"
)
_ADDRESSES = re.compile(r"\S+@\S+")
_CODES = re.compile(
    r"code|c[oó]digo|codice|код|\bkod|コード|코드|קוד|token|токен|トークン|토큰|(?<![a-z])[th]?otps?(?![a-z])|one\W?time"
    r"|single\W?use|einmal|usage unique|un solo uso|monouso|uso único|однораз|ワンタイム|일회용|認証番号|인증 ?번호"
    r"|(?<!密)[码碼]|[码碼]器|暗証番号|一次性|动态|動態|随机|令牌|權杖|权杖|短信|簡訊|手机|手機|验证器|驗證器|u盾"
    r"|二次|二级|第二|二步|两步|兩步|双因|雙因|jednor[aá]z|eenmalig|eng[aå]ngs|kertakäyttö|tek kullanım|egyszer"
    r"|two\W?factor|second (?:factor|password)|\bdigits?\b|digipass|\bskey\b|\btouch\b|\bphone\b"
    r"|\b2fa\b|\bmfa\b|multi\W?factor|two\W?step|authenticator|verification|yubikey"
    r"|security key|securid|dynamic|\bduo\b|\bpin\b|\btan\b|\bsms\b|\bpush\b|s/key|challenge|\bresponse\b"
)
_CHANGES = re.compile(
    r"(?:new|retype|re-enter|repeat|confirm|current|old)\)? (?:\w+ )?(?:password|passphrase)"
    r"|change (?:your|the|it|password)"
    r"|required to change|must (?:be )?change|needs? (?:to be )?chang|password (?:has |is |was )?(?:been )?expired"
    r"|\bretype\b"
    r"|neues (?:passwort|kennwort)|nouveau mot de passe|nueva contraseña|nuova password|новый пароль"
    r"|新的?\w{0,4}(?:密码|密碼|口令|パスワード)|(?:当前|當前|现在|舊|旧|原)\w{0,4}(?:密码|密碼|口令)"
    r"|(?:修改|更改|变更|變更|重新?输入|重新?輸入|再次输入|再次輸入)\w{0,6}(?:密码|密碼|口令)|(?:密码|密碼|口令)\w{0,3}(?:过期|過期|到期)"
    r"|새 ?암호|새 ?비밀번호|新しいパスワード"
)
_ACCOUNTS = re.compile(
    r"(?:account|user|users|logins?|password|system)\b.{0,60}\b(?:expired|locked|disabled|suspended|deactivated|blocked"
    r"|not (?:allowed|permitted)|going down|booting)|account.{0,40}\bdenied|too many (?:failed|authentication|login)"
    r"|nologin|maintenance|not allowed"
    r"|(?:账户|账号|帐户|帐号|帳戶|帳號|用户|用戶|登录|登錄|登入).{0,20}(?:过期|過期|到期|锁定|鎖定|禁用|停用|禁止|冻结|凍結)"
    r"|(?:账户|账号|帐户|帐号|帳戶|帳號|用户|用戶|登录|登錄|登入).{0,20}(?:不允许|不允許|拒绝|拒絕)"
    r"|(?:不允许|不允許|禁止).{0,20}(?:登录|登錄|登入)"
)
_REFUSALS = re.compile(
    r"not (?:allowed|permitted|authori[sz]ed|welcome)|den(?:y|ied)|refus|reject|forbid|prohibit|\bban(?:ned)?\b|block"
    r"|black\W?list|deny\W?list|restrict|closed by|黑名单|黑名單"
    r"|expired|locked|disabled|suspended|unauthori[sz]ed|penal|exceed|too many|limit|maintenance|nologin|closed to"
    r"|no (?:access|logins?|more)|maximum|拒绝|拒絕|禁止|不允许|不允許|过期|過期|锁定|鎖定|封禁|超过|超過|过多|過多"
)
_PASSING = re.compile(
    r"at this time|right now|for now|too many|exceed|limit|maximum|max ?startups|no more|later|again"
    r"|temporar|busy|overload"
    r"|unavailable|not available|penal|wait|maintenance|going down|shutting down|shutdown|restart|reboot|booting"
    r"|稍后|稍後|暂时|暫時|繁忙|过多|過多"
)
_MISTAKES = re.compile(
    r"incorrect|wrong|invalid|denied|try again|fail|\bbad\b|mismatch|not match|refused|unknown"
    r"|错误|錯誤|失败|失敗|不正确|无效|^$"
)
_RESTARTS = re.compile(r"going down|shutting down|shutdown|restarting|rebooting|booting up|正在关机|正在重启|正在启动")


def show(text: str, *, secret: str | None = None, most: int = MOST_SHOWN) -> str:
    """Return the text in double quotes, on one line, without terminal escapes; "" if nothing is left."""
    if secret:  # a server may repeat the secret
        text = text.replace(secret, "***")
    shown = "".join(char if char.isprintable() else " " for char in _ESCAPES.sub("", text[: 8 * most]))
    shown = " ".join(shown.split()).replace('"', "'")
    if secret:  # removing escapes may have joined the secret's parts
        shown = shown.replace(secret, "***")
    return f'"{shown[:most]}{"..." if len(shown) > most else ""}"' if shown else ""


def speaks_of_code(text: str) -> bool:
    """True for a code, a token or a one-time password. The address in `Password for me@token.example` is ignored."""
    return _finds(_CODES, _ADDRESSES.sub(" ", text))


def speaks_of_change(text: str) -> bool:
    """True for a new password that must be set."""
    return _finds(_CHANGES, text)


def speaks_of_account(text: str) -> bool:
    """True for an account that is expired, locked or may not sign in, but not for a wrong password or key alone."""
    return _finds(_ACCOUNTS, text)


def speaks_of_mistake(text: str) -> bool:
    """True for a wrong password, key or user name, and for an empty text."""
    return _finds(_MISTAKES, text)


def speaks_of_refusal(text: str) -> bool:
    return _finds(_REFUSALS, text)


def speaks_of_later(text: str) -> bool:
    """True for a condition that may be over soon."""
    return _finds(_PASSING, text)


def speaks_of_restart(text: str) -> bool:
    return _finds(_RESTARTS, text)


def _finds(pattern: re.Pattern[str], text: str) -> bool:
    """Search regardless of letter case and width, and of invisible characters in between."""
    plain = unicodedata.normalize("NFKC", _ESCAPES.sub("", text))
    visible = "".join(char for char in plain if char.isspace() or unicodedata.category(char) not in ("Cf", "Cc"))
    return pattern.search(" ".join(visible.casefold().split())) is not None
