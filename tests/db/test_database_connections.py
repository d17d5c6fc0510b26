"""What a URL asks for is what the connection has, on a real PostgreSQL: TLS, sockets, hosts, libpq's variables."""

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from db.database_url import DatabaseUrlInvalid
from db.store import StoreUnavailable, open_store
from tests.support.ports import free_port
from tests.support.strict_server import ESCAPED, PASSWORD, StrictServer, need_tls, prepare, strict_server

pytestmark = pytest.mark.anyio

VARIABLES = (
    "PGHOST",
    "PGPORT",
    "PGUSER",
    "PGPASSWORD",
    "PGDATABASE",
    "PGPASSFILE",
    "PGSSLMODE",
    "PGAPPNAME",
    "PGOPTIONS",
)
SEEN = text(
    "SELECT current_user AS user, current_database() AS database, inet_server_addr()::text AS address,"
    " current_setting('application_name') AS application, current_setting('search_path') AS path,"
    " (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS tls"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StrictServer]:
    with strict_server(tmp_path_factory.mktemp("strict")) as found:
        asyncio.run(prepare(found))
        yield found


@pytest.fixture
def tls_server(server: StrictServer) -> StrictServer:
    need_tls(server)
    return server


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody's certificates, and nothing from outside."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def see(conn: Connection) -> dict[str, object]:
    return conn.execute(SEEN).one()._asdict()


async def seen(url: str) -> dict[str, object]:
    store = await open_store(url)
    try:
        return await store.read(see)
    finally:
        await store.close()


async def refusal(url: str) -> str:
    store = await open_store(url)
    with pytest.raises(StoreUnavailable) as caught:
        await store.read(see)
    await store.close()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("parameters", "tls"),
    [
        ("", True),
        ("?sslmode=disable", False),
        ("?sslmode=allow", False),
        ("?sslmode=prefer", True),
        ("?ssl=true", True),
    ],
)
async def test_sslmode_decides_on_tls(tls_server: StrictServer, parameters: str, tls: bool) -> None:
    assert (await seen(tls_server.url(f"ours{parameters}")))["tls"] is tls


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
async def test_a_certificate_is_checked_with_the_ca_that_is_named(tls_server: StrictServer, mode: str) -> None:
    assert (await seen(tls_server.url(f"ours?sslmode={mode}&sslrootcert={tls_server.ca.file}", host="localhost")))[
        "tls"
    ] is True
    said = await refusal(tls_server.url(f"ours?sslmode={mode}&sslrootcert={tls_server.other.file}", host="localhost"))
    assert "the certificate of localhost" in said
    assert "let sslrootcert name the CA that signed it" in said


async def test_the_name_in_the_certificate_counts_in_verify_full_alone(tls_server: StrictServer) -> None:
    ca = f"sslrootcert={tls_server.ca.file}"
    assert (await seen(tls_server.url(f"ours?sslmode=verify-ca&{ca}", host="127.0.0.1")))["tls"] is True
    said = await refusal(tls_server.url(f"ours?sslmode=verify-full&{ca}", host="127.0.0.1"))
    assert "write the host as its certificate names it" in said


async def test_the_cas_of_the_system_do_not_know_it(tls_server: StrictServer) -> None:
    assert "is not trusted" in await refusal(tls_server.url("ours?sslrootcert=system"))


async def test_the_cas_of_the_system_are_those_that_openssl_has(
    tls_server: StrictServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ssl.get_default_verify_paths().openssl_cafile_env, str(tls_server.ca.file))
    assert (await seen(tls_server.url("ours?sslrootcert=system", host="localhost")))["tls"] is True


async def test_a_client_signs_in_with_its_certificate(tls_server: StrictServer) -> None:
    certificate, key = tls_server.ca.sign("postgres", password="a b&c")
    files = f"sslmode=require&sslcert={certificate}&sslkey={key}"
    found = await seen(
        f"postgresql://postgres@127.0.0.1:{tls_server.port}/by_certificate?{files}&sslpassword=a%20b%26c"
    )
    assert found["database"] == "by_certificate"


async def test_tls_files_that_cannot_be_used_are_refused_by_their_parameter(
    tls_server: StrictServer, tmp_path: Path
) -> None:
    certificate, key = tls_server.ca.sign("sealed", password="a b")
    (tmp_path / "empty").write_bytes(b"")
    cases = {
        "sslmode=require&sslrootcert=/nowhere.pem": "sslrootcert: there is no file /nowhere.pem that can be read",
        f"sslmode=require&sslrootcert={tmp_path / 'empty'}": f"sslrootcert: {tmp_path / 'empty'} cannot be used",
        f"sslmode=require&sslcert={certificate}&sslkey={key}&sslpassword=wrong": "sslcert, sslkey or sslpassword: ",
        f"sslmode=require&sslcert={certificate}&sslkey=/nowhere.key": "sslkey: there is no file /nowhere.key",
        "sslmode=verify-full": "sslmode asks for a CA to trust: add sslrootcert=",
    }
    for parameters, words in cases.items():
        said = await refusal(tls_server.url(f"ours?{parameters}"))
        assert said.startswith(f"SSHCAST_DATABASE_URL: {words}"), said
        assert "wrong" not in said


async def test_a_password_with_any_character_is_taken_escaped(server: StrictServer) -> None:
    found = await seen(f"postgresql://ada:{ESCAPED}@127.0.0.1:{server.port}/ours")
    assert found["user"] == "ada"


async def test_passwords_come_from_a_file_and_from_the_variables_of_libpq(
    server: StrictServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "passwords"
    password = PASSWORD.replace(":", r"\:")
    file.write_text(f"# ours\n*:1:*:ada:wrong\n127.0.0.1:*:ours:ada:{password}\nlocalhost:*:*:ada:{password}\n")
    file.chmod(0o600)
    url = server.url("ours", user="ada")
    assert (await seen(f"{url}?passfile={file}"))["user"] == "ada"
    socket = f"postgresql://ada@/ours?host={server.postgres.folder / 'data'}&port={server.port}"
    assert (await seen(f"{socket}&passfile={file}"))["user"] == "ada"
    assert "passfile: there is no file /nowhere that can be read" in await refusal(f"{url}?passfile=/nowhere")
    file.chmod(0o640)
    assert f"the password file {file} can be read by others: chmod 600" in await refusal(f"{url}?passfile={file}")
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    assert (await seen(url))["user"] == "ada"


async def test_what_the_url_leaves_out_is_in_the_variables_of_libpq(
    server: StrictServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGUSER": "postgres", "PGDATABASE": "ours"}
    given |= {"PGAPPNAME": "by variable", "PGOPTIONS": "-csearch_path=by_variable", "PGSSLMODE": "disable"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    found = await seen("postgresql://")
    assert found == {
        "user": "postgres",
        "database": "ours",
        "address": "127.0.0.1/32",
        "application": "by variable",
        "path": "by_variable",
        "tls": False,
    }


async def test_without_a_name_the_database_is_the_users(server: StrictServer) -> None:
    assert (await seen(f"postgresql://postgres@127.0.0.1:{server.port}"))["database"] == "postgres"


@pytest.mark.parametrize(
    "form", ["postgresql://postgres@{}:{port}/ours", "postgresql://postgres@/ours?host={}&port={port}"]
)
async def test_a_socket_is_named_by_its_folder(server: StrictServer, form: str) -> None:
    folder = str(server.postgres.folder / "data")
    host = folder.replace("/", "%2F") if "@{" in form else folder
    found = await seen(form.format(host, port=server.port))
    assert found["address"] is None


async def test_names_and_options_reach_the_server(server: StrictServer) -> None:
    assert (await seen(server.url("ours")))["application"] == "sshcast"
    assert (await seen(server.url("ours?fallback_application_name=two")))["application"] == "two"
    options = "-csearch_path%3Done,public%20-cwork_mem%3D5MB"
    found = await seen(server.url(f"ours?application_name=one%20%26%20two&options={options}"))
    assert (found["application"], found["path"]) == ("one & two", "one,public")


async def test_the_next_host_is_taken_where_one_is_away(server: StrictServer) -> None:
    url = f"postgresql://postgres@127.0.0.1:{free_port()},localhost:{server.port}/ours"
    assert (await seen(url))["database"] == "ours"


async def test_a_host_that_is_silent_costs_no_more_than_its_own_timeout(server: StrictServer) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    url = f"postgresql://postgres@127.0.0.1:{port},127.0.0.1:{server.port}/ours?connect_timeout=1"
    assert (await seen(url))["database"] == "ours"
    said = await refusal(f"postgresql://postgres@127.0.0.1:{port}/ours?connect_timeout=1")
    assert f"127.0.0.1:{port} does not answer in time" in said
    silent.close()


async def test_the_kind_of_session_that_is_asked_for_is_had_or_refused(server: StrictServer) -> None:
    for wanted in ("any", "primary", "read-write", "prefer-standby"):
        assert (await seen(server.url(f"ours?target_session_attrs={wanted}")))["database"] == "ours"
    said = await refusal(server.url("ours?target_session_attrs=standby"))
    assert "is not what target_session_attrs in SSHCAST_DATABASE_URL asks for" in said


async def test_the_store_refuses_a_url_that_the_setting_would_refuse() -> None:
    with pytest.raises(DatabaseUrlInvalid):
        await open_store("postgresql://ada@db/name?sslmod=require")
