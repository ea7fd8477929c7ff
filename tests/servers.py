"""Real database servers for the tests: started in a folder of their own, gone with the session."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

PASSWORD = "gehe!m/p@ss:wort%20"
"""With every letter that means something in an address."""


@dataclass(frozen=True)
class Server:
    """Where a server listens: on a socket in `folder`."""

    scheme: str
    user: str
    folder: Path
    option: str

    def url(self, database: str, **options: str) -> str:
        """An address with the password in it."""
        said = {self.option.partition("=")[0]: self.option.partition("=")[2], **options}
        query = "&".join(f"{key}={quote(value, safe='/,*')}" for key, value in said.items())
        login = f"{self.user}:{quote(PASSWORD, safe='')}"
        return f"{self.scheme}://{login}@/{database}?{query}"


class NotHereError(Exception):
    """Why there is no such server on this machine."""


@contextmanager
def postgresql() -> Iterator[Server]:
    """A cluster made by initdb, with a password, that listens on a socket alone."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = found[-1] if found else Path(shutil.which("initdb") or "")
    if not initdb.is_file():
        raise NotHereError("PostgreSQL is not installed (apt-get install postgresql)")
    with _folder("postgres") as (folder, as_user):
        secret = folder / "secret"
        secret.write_text(PASSWORD)
        flags = ["-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--locale=C"]
        _run([initdb, "-D", folder / "data", "-U", "neo", "--no-sync", *flags], as_user)
        options = {"listen_addresses": "", "unix_socket_directories": folder, "fsync": "off"}
        flags = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
        command = [initdb.resolve().with_name("postgres"), "-D", folder / "data", *flags]
        with _running(command, as_user, folder / ".s.PGSQL.5432", signal.SIGINT, folder):
            yield Server("postgresql", "neo", folder, f"host={folder}")


@contextmanager
def mariadb() -> Iterator[Server]:
    """A MariaDB server made by mariadb-install-db, with a user and a password."""
    made, daemon = shutil.which("mariadb-install-db"), _which("mariadbd")
    if not made or not daemon:
        raise NotHereError("MariaDB is not installed (apt-get install mariadb-server)")
    with _folder("mysql") as (folder, as_user):
        data, socket = folder / "data", folder / "s"
        flags = ["--no-defaults", f"--datadir={data}"]
        normal = "--auth-root-authentication-method=normal"
        _run([made, *flags, normal, "--skip-test-db"], as_user)
        first = folder / "first.sql"
        first.write_text(
            f"CREATE USER neo@localhost IDENTIFIED BY '{PASSWORD}';\n"
            "CREATE DATABASE test;\n"
            "GRANT ALL ON *.* TO neo@localhost WITH GRANT OPTION;\n"
        )
        command = [daemon, *flags, f"--socket={socket}", "--skip-networking"]
        command += ["--innodb-flush-log-at-trx-commit=0", f"--init-file={first}"]
        with _running(command, as_user, socket, signal.SIGTERM, folder):
            yield Server("mariadb", "neo", folder, f"unix_socket={socket}")


def _which(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


@contextmanager
def _folder(owner: str) -> Iterator[tuple[Path, str | None]]:
    """A folder with a short path, for a socket's is limited; servers refuse to run as root."""
    folder, as_user = Path(tempfile.mkdtemp(prefix="neotype-", dir="/tmp")), None
    try:
        if os.getuid() == 0:
            users = {entry.pw_name for entry in pwd.getpwall()}
            as_user = owner if owner in users else "nobody"
            shutil.chown(folder, as_user)
        yield folder, as_user
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(command: list[object], as_user: str | None) -> None:
    words = [str(word) for word in command]
    done = subprocess.run(words, user=as_user, cwd="/", capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{words[0]}: {done.stdout}{done.stderr}")


@contextmanager
def _running(
    command: list[object], as_user: str | None, socket: Path, end: int, folder: Path
) -> Iterator[None]:
    log = folder / "log"
    with log.open("wb") as said:
        server = subprocess.Popen(
            [str(word) for word in command], user=as_user, cwd="/", stdout=said, stderr=said
        )
        try:
            for _ in range(300):
                if socket.exists() or server.poll() is not None:
                    break
                time.sleep(0.1)
            if not socket.exists():
                raise RuntimeError(f"{command[0]} does not start: {log.read_text()[-2000:]}")
            yield
        finally:
            server.send_signal(end)
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
