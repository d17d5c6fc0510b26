"""`sshcast doctor` of a service elsewhere, through its API."""

import json

from tests.support.remote import Remote


def test_a_sound_service_and_its_server_have_no_failed_check(remote: Remote) -> None:
    done = remote.within("doctor", "demo", "--json")
    found = {each["check"]: each for each in json.loads(done.stdout)}
    assert {name: each for name, each in found.items() if each["status"] == "failed"} == {}
    assert done.returncode == 0
    assert {"reachable", "TLS", "version", "clock", "sign-in", "server reach", "run"} <= set(found)
    assert "whose role is ADMIN" in found["sign-in"]["found"]
    assert found["run"]["found"].startswith("`true` ran to its end in ")


def test_each_line_has_a_mark_and_a_server_that_is_not_there_fails(remote: Remote) -> None:
    done = remote.within("doctor", "nowhere")
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 1
    assert lines[-1].startswith("✗ server nowhere: there is no server nowhere")


def test_a_service_that_is_away_fails_and_is_named(remote: Remote) -> None:
    path = next(remote.config.rglob("*.json"))
    text = path.read_text()
    try:
        path.write_text(text.replace(remote.url, "https://localhost:9"))
        done = remote.within("doctor")
    finally:
        path.write_text(text)
    said = done.stdout.decode()
    assert done.returncode == 1
    assert said.startswith("✗ reachable: https://localhost:9 does not answer")
    assert "Traceback" not in said + done.stderr.decode()


def test_a_certificate_that_nobody_vouches_for_fails(remote: Remote) -> None:
    path = next(remote.config.rglob("*.json"))
    text = path.read_text()
    try:
        path.write_text(json.dumps(without_ca(json.loads(text))))
        done = remote.within("doctor")
    finally:
        path.write_text(text)
    assert done.returncode == 1
    assert "certificate" in done.stdout.decode().splitlines()[0].lower()


def without_ca(value: object) -> object:
    """The file of contexts without certificates of its own."""
    if isinstance(value, dict):
        return {name: without_ca(each) for name, each in value.items() if name != "ca_file"}
    return value
