"""`character studio`: open the app, for this computer alone or for a team."""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import socket
import sys
import time
import urllib.request
import webbrowser
from dataclasses import dataclass
from pathlib import Path

import click

from core.cli.options import data_option
from core.cli.output import say, whisper
from core.errors import SettingsError
from core.settings import PROJECT, Settings, load_settings, origin_of, subprocess_environment
from core.store.people import People

FIRST_PORT = 8501
HERE = "127.0.0.1"
OWN_NAMES = ("localhost", HERE)
NOT_PRIVATE = (
    "Anybody on the way can read passwords and answers that travel over plain http. Give --certificate "
    "and --key, or put the studio behind a proxy that speaks https and give its address with --url."
)
ALSO_PLAIN = (
    "The proxy speaks https, but this studio itself answers to the whole network over plain http. Where "
    "the proxy runs on this computer, add --address 127.0.0.1."
)
# Whatever config.toml or STREAMLIT_* say: flags win. A sign-in, or being alone, hangs on each of these.
PINNED = (
    "--server.headless=true",
    "--server.baseUrlPath=",
    "--server.enableCORS=true",
    "--server.enableXsrfProtection=true",
    "--server.enableStaticServing=false",
    "--server.enableAgentApi=false",
    "--server.scriptHealthCheckEnabled=false",
    '--server.trustedUserHeaders={"X-Character-Person": "person"}',
    "--global.developmentMode=false",
    "--client.showErrorDetails=type",
)
SHARING = ("CHARACTER_SHARE", "CHARACTER_URL", "CHARACTER_HOSTS")


@dataclass(frozen=True, slots=True)
class Share:
    """How a team reaches the studio: where it listens, the address people type, and how they sign in."""

    address: str
    url: str
    hosts: tuple[str, ...]
    sign_in: str
    certificate: Path | None = None
    key: Path | None = None
    proxies: tuple[str, ...] = ()

    def environment(self) -> dict[str, str]:
        """What the app reads of it."""
        return {
            "CHARACTER_SHARE": self.sign_in,
            "CHARACTER_URL": self.url,
            "CHARACTER_HOSTS": ",".join(self.hosts),
            # The server's own word for it; without one it would believe every program on this computer.
            "FORWARDED_ALLOW_IPS": ",".join(self.proxies),
        }


@click.command("studio")
@click.option("--port", type=click.IntRange(1, 65535), help="Default: the first free one from 8501.")
@click.option("--browser/--no-browser", default=None, help="Open the page [where there is a screen].")
@click.option("--share", is_flag=True, help="For a team on a network: everybody signs in.")
@click.option("--address", default="0.0.0.0", show_default=True, help="With --share: where to listen.")
@click.option(
    "--url", help="With --share: the address that people type [http://this computer's name:port]."
)
@click.option("--host", "hosts", multiple=True, help="With --share: a further name it answers to; repeat.")
@click.option(
    "--sign-in",
    type=click.Choice(["password", "oidc"]),
    default="password",
    show_default=True,
    help="With --share.",
)
@click.option(
    "--certificate", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="For https."
)
@click.option(
    "--key", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Of the certificate."
)
@click.option(
    "--proxy",
    "proxies",
    multiple=True,
    help="With --share: a proxy whose X-Forwarded-For says who visits; repeat.",
)
@data_option
@click.pass_context
def studio(
    context: click.Context,
    port: int | None,
    browser: bool | None,
    share: bool,
    address: str,
    url: str | None,
    hosts: tuple[str, ...],
    sign_in: str,
    certificate: Path | None,
    key: Path | None,
    proxies: tuple[str, ...],
    data: Path | None,
) -> None:
    """Open the studio on 127.0.0.1; with --share, for a team that signs in."""
    settings = load_settings(data=data)
    if not share:
        _only_here(context)
        serve_studio(settings, port, browser)
        return
    port = port or free_port()
    scheme = "https" if certificate else "http"
    url = origin_of(url or f"{scheme}://{socket.gethostname()}:{port}")
    names = names_of(url, address, hosts)
    shared = Share(address, url, names, sign_in, certificate, key, tuple(map(checked_proxy, proxies)))
    check_share(settings, shared)
    serve_studio(settings, port, browser, shared=shared)


def _only_here(context: click.Context) -> None:
    """Refuse flags that would open the studio to a network without a sign-in."""
    given = [
        {"hosts": "--host", "proxies": "--proxy"}.get(name, f"--{name.replace('_', '-')}")
        for name in ("address", "url", "hosts", "sign_in", "certificate", "key", "proxies")
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(
            f"{', '.join(given)} is for a shared studio: add --share. Without it the studio listens on "
            f"{HERE} only, because nobody would have to sign in."
        )


def names_of(url: str, address: str, further: tuple[str, ...]) -> tuple[str, ...]:
    """The host names that a shared studio answers to: its address, its own ones, and what was given."""
    own = [] if address in ("0.0.0.0", "::") else [address]
    found = [url.partition("://")[2], *own, *further, "localhost", HERE]
    return tuple(dict.fromkeys(host.rsplit(":", 1)[0] if host.count(":") == 1 else host for host in found))


def checked_proxy(address: str) -> str:
    """The address, or network, of a proxy as the server knows it. Raises SettingsError for none."""
    try:
        return str(ipaddress.ip_network(address)).removesuffix("/32").removesuffix("/128")
    except ValueError:
        raise SettingsError(
            f"{address!r} is no address of a proxy: give 127.0.0.1, or a network such as 10.0.0.0/24."
        ) from None


def check_share(settings: Settings, shared: Share) -> None:
    """Refuse to start what nobody could enter, and say what is not private. Raises SettingsError."""
    people = People(settings)
    if (shared.certificate is None) != (shared.key is None):
        raise SettingsError("--certificate and --key belong together: give both.")
    if shared.sign_in == "password" and not people.all():
        raise SettingsError("Nobody has a sign-in yet. Add the first: character people add NAME --admin")
    if shared.sign_in == "oidc":
        if people.oidc() is None:
            raise SettingsError(
                "No identity provider is known yet: character people oidc --issuer URL --client-id ID "
                "--allow @team.org"
            )
        if importlib.util.find_spec("authlib") is None:
            raise SettingsError(
                "Sign-in at an identity provider needs a package: pip install -e '.[share]'"
            )
    if shared.url.startswith("http://"):
        whisper(NOT_PRIVATE)
    elif shared.certificate is None and shared.address not in (HERE, "localhost", "::1"):
        whisper(ALSO_PLAIN)


def serve_studio(
    settings: Settings, port: int | None, browser: bool | None, page: str = "", shared: Share | None = None
) -> None:
    """Become the app, opened at a page ("rate?character=pirate"; "" is the first one). Does not return.

    Raises SettingsError when no port is free.
    """
    port = port or free_port()
    url = shared.url if shared else f"http://{HERE}:{port}"
    say(f"The studio opens at {url}{f'/{page}' if page else ''} (Ctrl-C ends it; jobs go on).")
    sys.stdout.flush()
    if has_screen() if browser is None else browser:
        open_when_ready(url, page)
    environment = subprocess_environment(settings) | (shared.environment() if shared else {})
    if shared is None:
        for name in SHARING:
            environment.pop(name, None)
    # Streamlit reads its theme from the folder it starts in; DATA_PATH is made absolute before.
    os.chdir(PROJECT)
    os.execve(sys.executable, streamlit_command(port, shared), environment)


def has_screen() -> bool:
    """Whether a browser window can open here."""
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def open_when_ready(url: str, page: str = "") -> None:
    """Open the page as soon as the app answers, from a process of its own: this one becomes the app."""
    if os.fork() == 0:
        _open_page(url, page)
        os._exit(0)


def _open_page(url: str, page: str) -> None:
    for _ in range(120):
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=1):
                webbrowser.open(f"{url}/{page}" if page else url)
                return
        except OSError:
            time.sleep(0.5)


def streamlit_command(port: int, shared: Share | None = None) -> list[str]:
    """The command that serves the app."""
    words = [
        *(sys.executable, "-m", "streamlit", "run", str(PROJECT / "app" / "server.py")),
        f"--server.address={shared.address if shared else HERE}",
        f"--server.port={port}",
        *PINNED,
        *(f"--server.allowedHosts={host}" for host in (shared.hosts if shared else OWN_NAMES)),
    ]
    if shared is None:
        return words
    if shared.certificate and shared.key:
        words += [f"--server.sslCertFile={shared.certificate}", f"--server.sslKeyFile={shared.key}"]
    return words


def free_port(first: int = FIRST_PORT) -> int:
    """The first port from `first` on which nothing listens. Raises SettingsError after a hundred."""
    for port in range(first, first + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HERE, port))
            except OSError:
                continue
            return port
    raise SettingsError(f"Ports {first} to {first + 99} are all busy; choose one with --port.")


COMMANDS = (studio,)
