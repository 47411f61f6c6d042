"""Paths and keys: the only reader of the environment.

A value is looked up in the environment, then in `.env` of the working folder, then (keys only) in a
0600 file in the user's config folder, which the Settings page writes.
"""

from __future__ import annotations

import base64
import ipaddress
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote, urlsplit

from platformdirs import user_config_path

from core.errors import SettingsError
from core.names import PROVIDERS, Provider
from core.store.jsonl import read_json, write_json

# What leads requests with HF_TOKEN elsewhere.
HUBS = ("HF_ENDPOINT", "HF_DATASETS_SERVER")
PROJECT = Path(__file__).resolve().parent.parent


class Secret:
    """A key that cannot be printed by accident; `reveal` is called where a request is sent."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The key itself, for an Authorization header and nothing else."""
        return self._value

    @property
    def last4(self) -> str:
        """The last four characters, or none of a short key."""
        return self._value[-4:] if len(self._value) >= 12 else ""

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key and where it came from: "environment", ".env" or "settings"."""

    secret: Secret
    source: str


@dataclass(frozen=True, slots=True)
class Sharing:
    """A studio that a team shares: how people sign in ("password", "oidc"), its address, its host names."""

    sign_in: str
    url: str
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are and what may be called. Made by `load_settings`, never by hand in the app."""

    data_path: Path
    model_path: Path
    lora_path: Path
    constitution_path: Path
    config_path: Path
    _environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    _dotenv: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def runs_path(self) -> Path:
        """The folder of all runs."""
        return self.data_path / "runs"

    def base_url(self, provider: str) -> str:
        """The endpoint of a provider: `<PROVIDER>_BASE_URL` when set, its public address otherwise."""
        return self._lookup(f"{provider.upper()}_BASE_URL")[0] or PROVIDERS[provider].base_url

    def key(self, provider: str) -> StoredKey | None:
        """The provider's key, or None. A key saved for another host is not returned."""
        spec = PROVIDERS[provider]
        if spec.key_name is None:
            return None
        value, source = self._lookup(spec.key_name)
        if value and (source == ".env" or not self._moved_by_dotenv(provider)):
            return StoredKey(Secret(value), source)
        return self._saved_key(spec)

    def _moved_by_dotenv(self, provider: str) -> bool:
        """Whether the folder's `.env` sends this provider elsewhere: the environment's key stays home."""
        return self._lookup(f"{provider.upper()}_BASE_URL")[1] == ".env" and bool(
            self._dotenv.get(f"{provider.upper()}_BASE_URL")
        )

    def _saved_key(self, spec: Provider) -> StoredKey | None:
        saved = self._key_file().get(spec.name)
        if not saved or saved["origin"] != origin_of(self.base_url(spec.name)):
            return None
        return StoredKey(Secret(saved["key"]), "settings")

    def save_key(self, provider: str, value: str) -> None:
        """Keep a key for the provider's present host in the 0600 key file. Raises SettingsError."""
        value = value.strip()
        if not value or any(ord(letter) < 33 or ord(letter) > 126 for letter in value):
            raise SettingsError("That is not a key: paste the text without spaces or line breaks.")
        keys = self._key_file()
        keys[provider] = {"key": value, "origin": origin_of(self.base_url(provider))}
        self.config_path.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_json(self._key_path(), keys, mode=0o600)

    def remove_key(self, provider: str) -> None:
        """Forget the provider's saved key; one from the environment stays."""
        keys = self._key_file()
        if keys.pop(provider, None) is not None:
            write_json(self._key_path(), keys, mode=0o600)

    @property
    def fake_engine_allowed(self) -> bool:
        """Whether a test asked for the fake engine (CHARACTER_FAKE_ENGINE=1)."""
        return self._environment.get("CHARACTER_FAKE_ENGINE") == "1"

    @property
    def sharing(self) -> Sharing | None:
        """How this studio is shared, or None: then it is this computer's alone.

        Read from the environment only (CHARACTER_SHARE, CHARACTER_URL, CHARACTER_HOSTS), which
        `character studio --share` sets: a file lying about must not open a studio to a network.
        """
        sign_in = self._environment.get("CHARACTER_SHARE", "")
        if not sign_in:
            return None
        hosts = self._environment.get("CHARACTER_HOSTS", "").split(",")
        return Sharing(sign_in, self._environment.get("CHARACTER_URL", ""), tuple(filter(None, hosts)))

    @property
    def together_project(self) -> str | None:
        """The project at Together (TOGETHER_PROJECT_ID), or None: then the key's own is asked for."""
        return self._lookup("TOGETHER_PROJECT_ID")[0]

    def token(self, name: str) -> Secret | None:
        """A token that belongs to no chat provider (HF_TOKEN, WANDB_TOKEN), or None.

        One of the environment is not given for a hub that the folder's `.env` names.
        """
        value, source = self._lookup(name)
        if name == "HF_TOKEN" and source == "environment" and self.hub_moved_by_dotenv:
            return None
        return Secret(value) if value else None

    @property
    def hub_moved_by_dotenv(self) -> bool:
        """Whether the folder's `.env` names another Hugging Face hub or dataset server."""
        found = [self._lookup(name) for name in HUBS]
        return any(value and source == ".env" for value, source in found)

    def secrets(self) -> list[str]:
        """Every key and token there is, so that texts can be cleared of them by value."""
        found = [self.key(name) for name in PROVIDERS]
        tokens = [self._lookup(name)[0] for name in ("HF_TOKEN", "WANDB_TOKEN")]
        values = [key.secret.reveal() for key in found if key]
        return values + [token for token in tokens if token]

    def for_subprocess(self) -> dict[str, str]:
        """The environment for a job: this one, paths made explicit. Keys travel here, not in argv.

        What the folder's `.env` says goes along, because the job may run in another folder.
        """
        return (
            self._dotenv_for_jobs()
            | dict(self._environment)
            | {
                "DATA_PATH": str(self.data_path),
                "MODEL_PATH": str(self.model_path),
                "LORA_PATH": str(self.lora_path),
                "CONSTITUTION_PATH": str(self.constitution_path),
                "CHARACTER_CONFIG_PATH": str(self.config_path),
                "PYTHONUNBUFFERED": "1",
            }
        )

    def _dotenv_for_jobs(self) -> dict[str, str]:
        """The `.env` without addresses that would take a key of the environment elsewhere."""
        risky = {
            f"{name.upper()}_BASE_URL"
            for name, spec in PROVIDERS.items()
            if spec.key_name and self._environment.get(spec.key_name) and self._moved_by_dotenv(name)
        }
        if self._environment.get("HF_TOKEN") and self.hub_moved_by_dotenv:
            risky |= set(HUBS)
        return {name: value for name, value in self._dotenv.items() if name not in risky}

    def _lookup(self, name: str) -> tuple[str | None, str]:
        if value := self._environment.get(name, "").strip():
            return value, "environment"
        return self._dotenv.get(name) or None, ".env"

    def _key_path(self) -> Path:
        return self.config_path / "keys.json"

    def _key_file(self) -> dict[str, dict[str, str]]:
        return read_json(self._key_path()) or {}


def load_settings(
    environment: Mapping[str, str] | None = None,
    *,
    folder: Path | None = None,
    data: Path | None = None,
) -> Settings:
    """The settings of this process. `data` overrides DATA_PATH; `folder` holds `.env`."""
    env = dict(os.environ if environment is None else environment)
    base = folder or Path.cwd()
    dotenv = read_dotenv(base / ".env")

    def path(name: str, default: Path) -> Path:
        value = env.get(name, "").strip() or dotenv.get(name, "")
        return Path(value).expanduser().absolute() if value else default

    data_path = data.absolute() if data else path("DATA_PATH", base / "data")
    return Settings(
        data_path=data_path,
        model_path=path("MODEL_PATH", data_path / "models"),
        lora_path=path("LORA_PATH", data_path / "loras"),
        constitution_path=path("CONSTITUTION_PATH", PROJECT / "constitutions"),
        config_path=path("CHARACTER_CONFIG_PATH", user_config_path("character-studio")),
        _environment=env,
        _dotenv=dotenv,
    )


def read_dotenv(path: Path) -> dict[str, str]:
    """The values of a `.env` file: `export ` allowed, quotes removed, comments skipped."""
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return {}
    pairs = (_dotenv_line(line) for line in text.splitlines())
    return dict(pair for pair in pairs if pair)


def _dotenv_line(line: str) -> tuple[str, str] | None:
    line = line.strip().removeprefix("export ").strip()
    name, equals, value = line.partition("=")
    if line.startswith("#") or not equals:
        return None
    value = value.strip()
    if value[:1] in ("'", '"') and (end := value.find(value[0], 1)) > 0:
        return name.strip(), value[1:end]
    return name.strip(), f" {value}".split(" #")[0].strip()


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL ("https://api.openai.com"). Raises SettingsError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise SettingsError(f"{url!r} is not an address; use http://host:port/v1.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError(f"{url!r} is not an address; use http://host:port/v1.")
    if parts.username or parts.password:
        raise SettingsError("An address must not carry a user name or password; save a key instead.")
    if is_link_local(parts.hostname):
        raise SettingsError(f"{parts.hostname} is an address of the machine's network card; use another.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")


def is_link_local(host: str) -> bool:
    """Whether a host is an address such as 169.254.169.254, where clouds keep a machine's secrets.

    Also in the spellings that resolvers understand: 2852039166, 0xa9fea9fe, 0251.0376.0251.0376.
    """
    try:
        if ":" in host:
            address = ipaddress.ip_address(host.partition("%")[0])
            mapped = getattr(address, "ipv4_mapped", None)
            return (mapped or address).is_link_local
        return ipaddress.ip_address(socket.inet_aton(host)).is_link_local
    except (ValueError, OSError):
        return False


SHORTEST_SECRET = 8
# So many first characters of a long key are as good as the key to whoever guesses the rest.
TELLING_PREFIX = 12


def redact(text: str, secrets: list[str]) -> str:
    """`text` with every secret replaced, so that no message or log can carry one.

    Also in the forms that servers repeat: URL-encoded, escaped, in base64, or cut off after twelve
    characters or more.
    """
    for secret in secrets:
        if len(secret) < SHORTEST_SECRET:
            continue
        for form in _forms_of(secret):
            text = text.replace(form, "[key]")
        if len(secret) > TELLING_PREFIX:
            text = _without_beginnings(text, secret)
    return text


@lru_cache(maxsize=64)
def _forms_of(secret: str) -> tuple[str, ...]:
    """A secret as it is, and as URLs, JSON and basic authentication write it; the longest first."""
    encoded = (
        base64.b64encode(text.encode()).decode().rstrip("=") for text in (f"Bearer {secret}", secret)
    )
    forms = {secret, quote(secret, safe=""), secret.replace("/", "\\/"), *encoded}
    return tuple(sorted(forms, key=len, reverse=True))


def _without_beginnings(text: str, secret: str) -> str:
    """`text` without cut-off copies of a secret."""
    beginning = secret[:TELLING_PREFIX]
    while (start := text.find(beginning)) >= 0:
        end = start + TELLING_PREFIX
        while end < len(text) and end - start < len(secret) and text[end] == secret[end - start]:
            end += 1
        text = f"{text[:start]}[key]{text[end:]}"
    return text


def subprocess_environment(settings: Settings) -> dict[str, str]:
    """The environment for a job of these settings."""
    return settings.for_subprocess()
