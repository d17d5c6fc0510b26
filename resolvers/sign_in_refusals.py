"""The reasons for refusing a sign-in with the identity provider, in English and Chinese."""

REFUSALS = {
    "expired": (
        "The sign-in took too long, or was begun in another browser: try again.",
        "登录已超时，或不是在此浏览器中开始的，请重试。",
    ),
    "denied": (
        "The identity provider did not let you in: try again.",
        "身份提供方未允许您登录，请重试。",
    ),
    "invalid": (
        "What the identity provider answered is not valid: try again, and if it stays so, tell an admin.",
        "身份提供方的应答无效，请重试；若仍如此，请联系管理员。",
    ),
    "no_role": (
        "None of your groups has a role here: ask an admin.",
        "您所在的组在此没有任何角色，请联系管理员。",
    ),
    "disabled": ("Your account is disabled here: ask an admin.", "您的账号已被停用，请联系管理员。"),
    "unknown": (
        "The identity provider's token is good, but you are not known here yet: sign in on the page once.",
        "令牌有效，但此处尚无您的账号，请先在页面上登录一次。",
    ),
}
