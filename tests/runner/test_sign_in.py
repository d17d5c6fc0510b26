"""What a server asks for when we sign in, what it is told, and the sentence for each way in which it says no."""

import pytest

from runner.ssh.client import connect
from tests.support.sign_in_servers import PASSWORD, Play, Round, ask, playing, refusal

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "prompt",
    [
        "Password: ",
        "密码：",
        "密碼:",
        "口令：",
        "Пароль:",
        "パスワード:",
        "비밀번호:",
        "Passwort: ",
        "Mot de passe : ",
        ">",
    ],
)
async def test_one_hidden_prompt_in_any_language_is_given_the_password(prompt: str) -> None:
    play = Play(rounds=[ask(prompt)])
    async with playing(play) as endpoint:
        await (await connect(endpoint)).close()
    assert play.answers == [[PASSWORD]]


async def test_a_prompt_that_names_an_address_with_such_a_word_is_given_the_password() -> None:
    play = Play(rounds=[ask("Password for root@token.otp.example: ")])
    async with playing(play) as endpoint:
        await (await connect(endpoint)).close()
    assert play.answers == [[PASSWORD]]


async def test_a_prompt_that_is_not_utf_8_is_told_as_such() -> None:
    play = Play(rounds=[ask("密码：".encode("gbk"))])
    async with playing(play) as endpoint:
        assert "UTF-8" in await refusal(endpoint)


async def test_a_round_that_only_informs_is_answered_with_nothing() -> None:
    play = Play(rounds=[ask(instruction="Welcome"), ask("Password: ")])
    async with playing(play) as endpoint:
        await (await connect(endpoint)).close()
    assert play.answers == [[], [PASSWORD]]


@pytest.mark.parametrize(
    "asked",
    [
        ask("Verification code: "),
        ask("One-time password (OATH) for `root': "),
        ask("One time password: "),
        ask("Enter your token: "),
        ask("验证码："),
        ask("動態密碼："),
        ask("动态口令："),
        ask("OTP: "),
        ask("ＯＴＰ: "),
        ask("O\u200bTP: "),
        ask("O\x1b[1mTP: "),
        ask("otp-md5 95 ke1234 ext\nResponse: "),
        ask("Enter PASSCODE: "),
        ask("Duo passcode or option (1-3): ", instruction="Duo two-factor login for root"),
        ask("Password: ", instruction="Use the code from your authenticator"),
        ask("Password: ", name="RSA SecurID"),
        ask("YubiKey for `root': "),
        ask("Einmalpasswort: "),
        ask("Введите код: "),
        ask("認証コード: "),
        ask("인증번호: "),
        ask("请输入短信中的数字："),
        ask("安全码："),
        ask("Enter the 6 digits: "),
        ask("PIN: "),
        ask("Second Password: "),
        ask("s/key 97 fw13894\nPassword: "),
        ask("Password: ", "Verification code: "),
        ask("Verification code: ", echo=True),
    ],
)
async def test_what_speaks_of_a_code_is_not_answered_and_told_as_such(asked: Round) -> None:
    play = Play(rounds=[asked])
    async with playing(play) as endpoint:
        told = await refusal(endpoint)
    assert "a one-time code" in told
    assert "heck the user name" not in told
    assert play.answers == []


@pytest.mark.parametrize(
    "asked", [ask("Login: ", echo=True), ask("Password: ", echo=True), ask("User: ", "Password: ")]
)
async def test_what_is_shown_or_asked_together_is_not_answered(asked: Round) -> None:
    play = Play(rounds=[asked])
    async with playing(play) as endpoint:
        told = await refusal(endpoint)
    assert f'("{"  ".join(prompt.strip() for prompt, _ in asked[2]).replace("  ", " ")}")' in told
    assert play.answers == []


async def test_a_second_prompt_is_not_answered() -> None:
    play = Play(rounds=[ask("Password: "), ask("Password: ")])
    async with playing(play) as endpoint:
        assert "Check the user name and the password" in await refusal(endpoint)
    assert play.answers == [[PASSWORD]]


async def test_a_code_that_is_asked_for_after_the_password_is_told() -> None:
    play = Play(rounds=[ask("Password: "), ask("Verification code: ")])
    async with playing(play) as endpoint:
        assert 'a one-time code ("Verification code:")' in await refusal(endpoint)
    assert play.answers == [[PASSWORD]]


async def test_a_password_that_was_refused_is_not_told_again() -> None:
    play = Play(takes=False, rounds=[ask("Password: ")])
    async with playing(play) as endpoint:
        assert "Check the user name and the password" in await refusal(endpoint)
    assert (play.told, play.answers) == ([PASSWORD], [])


async def test_a_server_that_refuses_the_password_because_it_wants_a_code_is_told_as_such() -> None:
    play = Play(takes=False, rounds=[ask("Verification code: ")])
    async with playing(play) as endpoint:
        told = await refusal(endpoint)
    assert "a one-time code" in told
    assert "heck the user name" not in told


@pytest.mark.parametrize("prompt", ["Password: ", "密码：", "Verification code: "])
async def test_nothing_is_answered_once_the_password_was_accepted(prompt: str) -> None:
    play = Play(takes="partial", rounds=[ask(prompt)])
    async with playing(play) as endpoint:
        told = await refusal(endpoint)
    assert "The server accepted the password of 'root', and wants" in told
    assert f'"{prompt.strip()}"' in told
    assert (play.told, play.answers) == ([PASSWORD], [])


@pytest.mark.parametrize(
    "play",
    [
        Play(takes="change"),
        Play(takes="change", rounds=[ask("Password: ")]),
        Play(rounds=[ask("New password: ", "Retype new password: ")]),
        Play(rounds=[ask("New password: ")]),
        Play(rounds=[ask("(current) UNIX password: ")]),
        Play(rounds=[ask("Enter new UNIX password: ")]),
        Play(rounds=[ask("原密码：")]),
        Play(rounds=[ask("Password: "), ask("Current password: ", instruction="You must change your password now")]),
        Play(rounds=[ask("Password: "), ask("新密码：")]),
        Play(rounds=[ask("Password: "), ask("New password: ", "Retype new password: ")]),
    ],
)
async def test_a_change_of_the_password_is_told_and_not_made(play: Play) -> None:
    async with playing(play) as endpoint:
        told = await refusal(endpoint)
    assert "has to be changed" in told
    assert len(play.told) + len(play.answers) <= 1


@pytest.mark.parametrize(
    "words",
    [
        "Your account has expired; please contact your system administrator",
        "账户已过期",
        "User root is not allowed here",
    ],
)
async def test_what_the_server_says_of_the_account_is_told_instead_of_a_check_of_the_password(words: str) -> None:
    for play in (
        Play(takes=False, late_banner=words),
        Play(takes=False, banner=words),
        Play(takes="close", late_banner=words),
    ):
        async with playing(play) as endpoint:
            told = await refusal(endpoint)
        assert f'"{words}"' in told
        assert "heck the user name" not in told


@pytest.mark.parametrize("words", ["Permission denied, please try again.", "Login incorrect", "密码错误"])
async def test_a_server_that_says_that_the_password_is_wrong_is_told_with_what_to_check(words: str) -> None:
    async with playing(Play(takes=False, late_banner=words)) as endpoint:
        told = await refusal(endpoint)
    assert f'"{words}"' in told
    assert "Check the user name and the password" in told


async def test_a_server_that_goes_down_is_tried_again() -> None:
    words = "System is going down. Unprivileged users are not permitted to log in anymore."
    async with playing(Play(takes=False, late_banner=words)) as endpoint:
        assert words in await refusal(endpoint, passing=True)


async def test_a_server_that_repeats_the_password_does_not_have_it_shown() -> None:
    async with playing(
        Play(takes=False, late_banner=f"no, {PASSWORD[:4]}\x1b[1m{PASSWORD[4:]}, {PASSWORD}")
    ) as endpoint:
        assert 'no, ***, ***"' in await refusal(endpoint)


async def test_a_server_that_lets_anybody_in_is_told_as_such() -> None:
    async with playing(Play(takes="anybody")) as endpoint:
        assert "without any credential" in await refusal(endpoint)


async def test_once_signed_in_the_connection_reads_without_a_detour() -> None:
    async with playing(Play(takes=True)) as endpoint:
        connection = await connect(endpoint)
        assert not {"data_received", "process_packet"} & set(vars(vars(connection)["_link"]))
        await connection.close()
