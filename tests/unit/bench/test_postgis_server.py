"""Where the bench takes PostGIS from, and what it says when there is none."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench import postgis_server
from bench.postgis_server import (
    Installation,
    PostgisUnavailableError,
    cache_folder,
    find_installed,
    find_or_fetch,
    packages_of,
)

SIMULATED = """\
Reading package lists...
The following NEW packages will be installed:
  libgeos-c1v5 postgresql-15-postgis-3 postgresql-postgis
Inst libgeos-c1v5 (3.11.1-1 Debian:12.15/oldstable [amd64])
Inst postgresql-15-postgis-3-scripts (3.3.2+dfsg-1 Debian:12.15/oldstable [all])
Inst postgresql-15-postgis-3 (3.3.2+dfsg-1+b1 Debian:12.15/oldstable [amd64])
Inst postgresql-postgis (3.3.2+dfsg-1+b1 Debian:12.15/oldstable [amd64])
Conf libgeos-c1v5 (3.11.1-1 Debian:12.15/oldstable [amd64])
"""


def lay_out(root: Path, major: str, *, postgis: bool) -> Path:
    binaries, extensions = (
        root / "usr/lib/postgresql" / major / "bin",
        root / "usr/share/postgresql" / major / "extension",
    )
    binaries.mkdir(parents=True)
    extensions.mkdir(parents=True)
    if postgis:
        (extensions / "postgis.control").touch()
    return binaries


@pytest.fixture(autouse=True)
def _no_pg_config(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)


def test_the_newest_installation_with_postgis_is_taken(tmp_path: Path) -> None:
    lay_out(tmp_path, "9", postgis=True)
    newest = lay_out(tmp_path, "16", postgis=True)
    lay_out(tmp_path, "17", postgis=False)
    assert find_installed(tmp_path) == Installation(newest)


def test_a_postgres_without_postgis_is_none(tmp_path: Path) -> None:
    lay_out(tmp_path, "17", postgis=False)
    assert find_installed(tmp_path) is None


def test_pg_config_leads_to_installations_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "share/extension").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/postgres").touch()
    pg_config = tmp_path / "bin/pg_config"
    pg_config.write_text(f"#!/bin/sh\necho {tmp_path}/share\necho {tmp_path}/bin\n")
    pg_config.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(pg_config))
    assert find_installed(tmp_path) is None
    (tmp_path / "share/extension/postgis.control").touch()
    assert find_installed(tmp_path) == Installation(tmp_path / "bin")


def test_the_packages_include_the_postgres_they_are_for() -> None:
    assert packages_of(SIMULATED) == [
        "libgeos-c1v5",
        "postgresql-15",
        "postgresql-15-postgis-3",
        "postgresql-15-postgis-3-scripts",
        "postgresql-postgis",
    ]


def test_a_system_without_the_package_says_so() -> None:
    with pytest.raises(PostgisUnavailableError, match="apt-get install postgresql-postgis"):
        packages_of("Reading package lists...\n")


def test_the_cache_of_root_is_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert cache_folder({"XDG_CACHE_HOME": "/home/x/c"}) == Path("/var/cache/geo-service/postgis")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert cache_folder({"XDG_CACHE_HOME": "/home/x/c"}) == Path("/home/x/c/geo-service/postgis")


class TestAbsent:
    @pytest.fixture(autouse=True)
    def _absent(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(postgis_server, "find_installed", lambda: None)
        monkeypatch.setattr(postgis_server, "cache_folder", lambda environment: tmp_path / "cache" / "postgis")

    def test_a_quick_run_fetches_nothing(self) -> None:
        with pytest.raises(PostgisUnavailableError, match="run without --quick to fetch it, or install it by hand"):
            find_or_fetch(pytest.fail, may_fetch=False)

    def test_without_apt_get_it_says_what_to_do(self) -> None:
        with pytest.raises(PostgisUnavailableError, match="fetched only where there is apt-get; install it by hand"):
            find_or_fetch(pytest.fail, may_fetch=True)

    def test_packages_are_unpacked_into_the_cache(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
        monkeypatch.setattr(sys, "platform", "linux")
        commands: list[str] = []

        def run(command: list[str], folder: Path) -> str:
            commands.append(command[0])
            if "--simulate" in command:
                return SIMULATED
            if command[:2] == ["apt-get", "download"]:
                assert "postgresql-15" in command
                (folder / "all.deb").touch()
            else:
                root = Path(command[-1])
                lay_out(root, "15", postgis=False)
                (root / "usr/share/postgresql/15/extension/postgis-3.control").touch()
                (root / "usr/lib/x86_64-linux-gnu").mkdir(parents=True)
            return ""

        monkeypatch.setattr(postgis_server, "_run", run)
        told: list[str] = []
        cache = tmp_path / "cache" / "postgis"
        expected = Installation(cache / "usr/lib/postgresql/15/bin", cache / "usr/lib/x86_64-linux-gnu")
        assert find_or_fetch(told.append, may_fetch=True) == expected
        assert commands == ["apt-get", "apt-get", "dpkg"]
        assert len(told) == 1
        assert list(cache.parent.iterdir()) == [cache], "nothing unfinished is left"
        assert find_or_fetch(told.append, may_fetch=False) == expected
        assert len(commands) == 3, "the second time it is there"

    def test_a_failure_is_told_with_its_reason(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
        monkeypatch.setattr(sys, "platform", "linux")

        def run(command: list[str], folder: Path) -> str:
            raise subprocess.CalledProcessError(100, command, stderr="W: x\nE: Unable to locate package\n")

        monkeypatch.setattr(postgis_server, "_run", run)
        with pytest.raises(PostgisUnavailableError, match=r"\(E: Unable to locate package\); install it by hand"):
            find_or_fetch(lambda text: None, may_fetch=True)
        assert not (tmp_path / "cache" / "postgis").exists()
