"""What SSHCAST_DATABASE_URL may say, and the one sentence for what it may not: without ever a password in it."""

import pytest

from db.database_url import DatabaseUrl, DatabaseUrlInvalid, read_database_url
from sshcast.settings import Settings, SettingsInvalid, load

SECRET = "hunter2"
AT_HOST = "postgresql://ada:hunter2@db"
SERVERS = {
    "postgresql://ada:pw@db:5433/sshcast": ("ada", "pw", ("db",), (5433,), "sshcast"),
    "postgres://ada@db/sshcast": ("ada", None, ("db",), (None,), "sshcast"),
    "POSTGRESQL://db/sshcast": (None, None, ("db",), (None,), "sshcast"),
    "postgresql+asyncpg://ada:pw@db/sshcast": ("ada", "pw", ("db",), (None,), "sshcast"),
    "postgresql+psycopg2://ada:pw@db/sshcast": ("ada", "pw", ("db",), (None,), "sshcast"),
    "postgresql://a%40b:p%40%2F%3A%25%23%3F%20w@db/name%20x": ("a@b", "p@/:%#? w", ("db",), (None,), "name x"),
    "postgresql://ada:p:w@db/sshcast": ("ada", "p:w", ("db",), (None,), "sshcast"),
    "postgresql://ada:p+w@db/sshcast": ("ada", "p+w", ("db",), (None,), "sshcast"),
    "postgresql://ada@[::1]:5433/sshcast": ("ada", None, ("::1",), (5433,), "sshcast"),
    "postgresql://ada@[fe80::1%25eth0]/sshcast": ("ada", None, ("fe80::1%eth0",), (None,), "sshcast"),
    "postgresql://one:1,two,[::1]:3/sshcast": (None, None, ("one", "two", "::1"), (1, None, 3), "sshcast"),
    "postgresql://%2Frun%2Fpostgresql/sshcast": (None, None, ("/run/postgresql",), (None,), "sshcast"),
    "postgresql:///sshcast?host=/run/postgresql": (None, None, ("/run/postgresql",), (None,), "sshcast"),
    "postgresql:///sshcast?host=/run&port=5433": (None, None, ("/run",), (5433,), "sshcast"),
    "postgresql:///sshcast?port=5433": (None, None, ("localhost",), (5433,), "sshcast"),
    "postgresql:///?host=a,b&port=1,2&dbname=n&user=u&password=p": ("u", "p", ("a", "b"), (1, 2), "n"),
    "postgresql://ada:pw@localhost/sshcast?host=/run": ("ada", "pw", ("/run",), (None,), "sshcast"),
    "postgresql://db:5433/sshcast?host=other": (None, None, ("other",), (None,), "sshcast"),
    "postgresql://ada@db": ("ada", None, ("db",), (None,), None),
    "postgresql://ada@db/": ("ada", None, ("db",), (None,), None),
    "postgresql://": (None, None, (), (), None),
}
PARAMETERS = {
    "sslmode=verify-full&sslrootcert=/ca.pem": {"sslmode": "verify-full", "sslrootcert": "/ca.pem"},
    "sslrootcert=system": {"sslrootcert": "system", "sslmode": "verify-full"},
    "ssl=true": {"sslmode": "require"},
    "application_name=a%20b&connect_timeout=3": {"application_name": "a b", "connect_timeout": "3"},
    "options=-csearch_path%3Dours": {"options": "-csearch_path=ours"},
    "channel_binding=prefer&gssencmode=disable&client_encoding=utf8&sslsni=1": {},
    "target_session_attrs=read-write": {"target_session_attrs": "read-write"},
}
FILES = {
    "sqlite:////var/lib/a b": "/var/lib/a b",
    "sqlite:///here.db": "here.db",
    "sqlite+aiosqlite:////x%20#.db": "/x%20#.db",
}
# The text, and words of its sentence.
REFUSED = {
    "": "it is empty: write postgresql://user:password@host/name, or unset it",
    "  \n": "it is empty",
    f"{AT_HOST}/name\n": "a blank or a line break before or after the URL",
    f" {AT_HOST}/name": "a blank or a line break before or after the URL",
    f'"{AT_HOST}/name"': "quotes or brackets around the URL",
    f"'{AT_HOST}/name'": "quotes or brackets around the URL",
    "mysql://ada:hunter2@db/name": "mysql:// is not for a database that sshcast can use",
    "mariadb+pymysql://ada:hunter2@db/name": "mariadb:// is not for a database",
    "mssql+pyodbc://ada:hunter2@db/name": "mssql:// is not for a database",
    "mongodb+srv://ada:hunter2@db/name": "mongodb:// is not for a database",
    "http://ada:hunter2@db/name": "http:// is not for a database",
    "postgre://ada:hunter2@db/name": "postgre:// is not known: write postgresql://user",
    "postgresq://ada:hunter2@db/name": "postgresq:// is not known: write postgresql://user",
    "postgressql://ada:hunter2@db/name": "postgressql:// is not known: write postgresql://user",
    "psql://ada:hunter2@db/name": "psql:// is not known: write postgresql://user",
    "sqllite:///x.db": "sqllite:// is not known: write sqlite:////absolute/path.db",
    "sqlite3:////x.db": "sqlite3:// is not known: write sqlite:////absolute/path.db",
    "file:///x.db": "write sqlite:////absolute/path.db",
    "postgresql+mysql://ada:hunter2@db/name": "postgresql+mysql is not a driver that is known: write",
    "jdbc:postgresql://db/name?password=hunter2": "leave out jdbc: and write postgresql://user:password@host/name",
    "postgresql:ada:hunter2@db/name": "two slashes are missing after the colon",
    "postgresql:/ada:hunter2@db/name": "two slashes are missing after the colon",
    "ada:hunter2@db/name": "its beginning is missing: write postgresql://",
    "db/name": "its beginning is missing: write postgresql://",
    "host=db password=hunter2": "a list of keywords and not a URL",
    "/var/lib/sshcast.db": "named with four slashes: write sqlite:////absolute/path.db",
    "sshcast.db": "named with four slashes",
    "sqlite:/var/lib/sshcast.db": "named with four slashes",
    "sqlite://var/lib/sshcast.db": "it names no file: write sqlite:////absolute/path.db",
    "sqlite://": "it names no file",
    "sqlite:///:memory:": "it names no file",
    "sqlite:////x.db?mode=ro": "SQLite takes no parameters",
    "postgresql://ada:hunter2@x@db/name": "there is more than one @: in a user's name or password, write @ as %40",
    "postgresql://ada:hunter2/x@db/name": "there is an @ after a /, a ? or the host",
    "postgresql://ada:hunter2?x@db/name": "there is an @ after a /, a ? or the host",
    "postgresql://ada:1?hunter2=x@db/name": "there is an @ after a /, a ? or the host",
    "postgresql://ada:hunter2#x@db/name": "there is a #: in a user's name or password, write",
    "postgresql://ada:hunter2%x@db/name": "there is a % without two hexadecimal digits after it",
    "postgresql://ada:hunter2%@db/name": "there is a % without two hexadecimal digits after it",
    "postgresql://ada:hunter2 x@db/name": "there is a blank, a line break or a control character",
    "postgresql://ada:hunter2%ff@db/name": "its % escapes are not UTF-8",
    "postgresql://ada:hunter2%00@db/name": "it has %00 in it",
    "postgresql://ada:hunter2/name": "its port must be a number from 1 to 65535; if a password is there, the host is",
    f"{AT_HOST}:70000/name": "its port must be a number from 1 to 65535",
    f"{AT_HOST}:0/name": "its port must be a number from 1 to 65535",
    f"{AT_HOST}/name?port=http": "its port must be a number from 1 to 65535",
    "postgresql://ada:hunter2@::1/name": "put an IPv6 address in brackets",
    "postgresql://ada:hunter2@[::1/name": "put an IPv6 address in brackets",
    "postgresql://ada:hunter2@:5432/name": "a host is missing",
    "postgresql://ada:hunter2@one,,two/name": "a host is missing",
    f"{AT_HOST}/name?host=a,": "host: a name is missing before or after a comma",
    f"{AT_HOST}/name?host=a,b,c&port=1,2": "port: give one, or one for each of the 3 hosts",
    f"{AT_HOST}/name?sslmod=require": "the parameter sslmod is not known: write sslmode",
    f"{AT_HOST}/name?SSLMode=require": "the parameter SSLMode is not known: write sslmode",
    f"{AT_HOST}/name?sslmode=on": "sslmode may only be disable or allow or prefer or require or verify-ca",
    f"{AT_HOST}/name?sslmode=": "sslmode has no value",
    f"{AT_HOST}/name?sslmode=require&sslmode=prefer": "sslmode is given twice",
    f"{AT_HOST}/name?ssl=require": "ssl may only be true: write sslmode=require",
    f"{AT_HOST}/name?sslrootcert=/ca.pem": "sslrootcert is for sslmode=verify-full or verify-ca, and sslmode is prefer",
    f"{AT_HOST}/name?sslcert=/c.pem&sslmode=disable": "sslcert is for TLS, and sslmode is disable",
    f"{AT_HOST}/name?sslmode=require&sslkey=/k.pem": "sslkey and sslpassword are for a certificate",
    f"{AT_HOST}/name?sslnegotiation=direct": "sslnegotiation=direct needs sslmode=require or more",
    f"{AT_HOST}/name?sslrootcert=system&sslmode=require": "sslrootcert=system goes with sslmode=verify-full only",
    f"{AT_HOST}/name?channel_binding=require": "channel_binding may only be prefer or disable here",
    f"{AT_HOST}/name?client_encoding=latin1": "client_encoding may only be utf8",
    f"{AT_HOST}/name?connect_timeout=5s": "connect_timeout must be a number of seconds",
    f"{AT_HOST}/name?target_session_attrs=master": "target_session_attrs may only be any or primary",
    f"{AT_HOST}/name?schema=public": "the parameter schema is not supported: write options=-csearch_path%3DNAME",
    f"{AT_HOST}/name?pgbouncer=true": "the parameter pgbouncer is not supported: leave it out, and let PgBouncer",
    f"{AT_HOST}/name?service=ours": "the parameter service is not supported: write what the service stands for",
    f"{AT_HOST}/name?hostaddr=10.0.0.1": "the parameter hostaddr is not supported: write the address as the host",
    f"{AT_HOST}/name?keepalives_idle=60": "the parameter keepalives_idle is not supported: leave it out",
    f"{AT_HOST}/name?sslmode": "its parameters must be ?name=value&name=value",
    f"{AT_HOST}/name?options=-c a=b": "there is a blank",
    f"{AT_HOST}/name?options=-ca=b": "its parameters must be ?name=value&name=value, with = as %3D",
}


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGSSLMODE", raising=False)


@pytest.mark.parametrize("text", SERVERS)
def test_a_server_is_named_as_libpq_names_it(text: str) -> None:
    found = read_database_url(text)
    assert (found.username, found.password, found.hosts, found.ports, found.database) == SERVERS[text]
    assert found.dialect == "postgresql"


@pytest.mark.parametrize("query", PARAMETERS)
def test_parameters_are_taken_as_libpq_takes_them(query: str) -> None:
    assert read_database_url(f"postgresql://db/name?{query}").parameters == PARAMETERS[query]


@pytest.mark.parametrize("text", FILES)
def test_a_sqlite_file_is_named_as_sqlalchemy_names_it(text: str) -> None:
    assert read_database_url(text) == DatabaseUrl(dialect="sqlite", database=FILES[text])


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_used_is_refused_in_one_sentence_without_the_password(text: str) -> None:
    with pytest.raises(DatabaseUrlInvalid) as caught:
        read_database_url(text)
    said = str(caught.value)
    assert REFUSED[text] in said
    assert SECRET not in said
    assert "\n" not in said


def test_the_variable_for_sslmode_counts_where_the_url_names_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    assert read_database_url("postgresql://db/name?sslrootcert=/ca.pem").parameters == {"sslrootcert": "/ca.pem"}


@pytest.mark.parametrize("text", ["", f"{AT_HOST}/name\n", "mysql://ada:hunter2@db/name", f"{AT_HOST}/name?sslmod=x"])
def test_the_setting_is_refused_by_the_name_of_its_variable(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("SSHCAST_DATABASE_URL", text)
    with pytest.raises(SettingsInvalid) as caught:
        load()
    assert str(caught.value).startswith("SSHCAST_DATABASE_URL: ")
    assert REFUSED.get(text, "write sslmode") in str(caught.value)
    assert SECRET not in f"{caught.value!r}"


def test_no_secret_of_a_url_is_shown_by_what_was_read() -> None:
    text = "postgresql://ada:hunter2@db/name?sslmode=require&sslcert=/c&sslkey=/k&sslpassword=hunter2"
    settings = Settings(database_url=text)
    assert SECRET not in f"{settings!r} {settings.url!r} {settings.url} {settings.url.place}"
