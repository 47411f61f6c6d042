"""Together's dedicated endpoints through its own SDK, one attempt a call: every failure in words.

An endpoint is a name that costs nothing; what costs is a deployment under it. Everything belongs to a
project: TOGETHER_PROJECT_ID, or the one that the key belongs to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from core.errors import EngineError, SettingsError
from core.settings import Settings
from core.tuning.together_remote import CREATE_TIMEOUT_S, TIMEOUT_S, Remote

Json = dict[str, Any]

GONE = 404
ZERO: Any = {"min_replicas": 0, "max_replicas": 0}
ONE: Any = {"min_replicas": 1, "max_replicas": 1}


class EndpointRemote(Remote):
    """The endpoints of one project. Every call raises EngineError; `project` is set before most."""

    def __init__(
        self,
        settings: Settings,
        *,
        timeout_s: float = TIMEOUT_S,
        create_timeout_s: float = CREATE_TIMEOUT_S,
    ) -> None:
        """Raises SettingsError without a key, with a wrong address, or where the SDK is not installed."""
        super().__init__(settings, timeout_s=timeout_s, create_timeout_s=create_timeout_s)
        self.project = settings.together_project or ""

    def find_project(self) -> str:
        """The project to work in; asks whose the key is where nobody named one. Raises SettingsError."""
        if not self.project:
            found = self._json("the account", self._client.whoami).get("project")
            self.project = str((found or {}).get("id") or "")
        if not self.project:
            raise SettingsError(
                "This key belongs to no project of Together; set TOGETHER_PROJECT_ID in the environment or "
                ".env (Together's console shows it under Settings, Project)."
            )
        return self.project

    def model(self, model_id: str) -> Json:
        """A model of the project: `name`, `projectId`, `baseModelId`."""
        return self._json(
            "the tuned model", lambda: self._client.models.retrieve(model_id, **self._where())
        )

    def models(self) -> list[Json]:
        """Every model of the project."""
        return self._list("the list of models", lambda: self._client.models.list(**self._where()))

    def configs(self, model_id: str) -> list[Json]:
        """The ways in which a model, or one derived from it, can be deployed; none for one that cannot."""
        return self._list(
            "the model's configurations",
            lambda: self._client.models.configs.list(reference_model_id=model_id, **self._where()),
        )

    def hardware(self) -> list[Json]:
        """The catalogue of hardware with its prices."""
        return list(self._json("the hardware", self._client.endpoints.hardware.list).get("data") or [])

    def find(self, name: str) -> Json | None:
        """The project's endpoint of that name."""
        found = self._list(
            "the list of endpoints",
            lambda: self._client.endpoints.list(filter=f'name="{name}"', **self._where()),
        )
        return next((one for one in found if str(one.get("name")).rsplit("/", 1)[-1] == name), None)

    def make(self, name: str) -> Json:
        """A new endpoint. A kind in `UNCLEAR` leaves open whether there is one."""
        return self._json(
            "the endpoint",
            lambda: self._client.endpoints.create(
                name=name, visibility="VISIBILITY_PRIVATE", timeout=self._create_timeout_s, **self._where()
            ),
        )

    def deploy(self, endpoint_id: str, name: str, order: Mapping[str, Any]) -> Json:
        """A new deployment with one replica: from here on it costs. `UNCLEAR` as above."""
        return self._json(
            "the deployment",
            lambda: self._client.endpoints.deployments.create(
                endpoint_id,
                name=name,
                autoscaling=ONE,
                timeout=self._create_timeout_s,
                **order,
                **self._where(),
            ),
        )

    def deployments(self, endpoint_id: str) -> list[Json] | None:
        """What runs, or has run, under an endpoint; None where the endpoint is gone."""
        ask = self._client.endpoints.deployments.list
        return _unless_gone(
            lambda: self._list("the deployments", lambda: ask(endpoint_id, **self._where()))
        )

    def deployment(self, endpoint_id: str, deployment_id: str) -> Json | None:
        """One deployment as it is now; None where it is gone."""
        ask = self._client.endpoints.deployments.retrieve
        return _unless_gone(
            lambda: self._json(
                "the deployment", lambda: ask(deployment_id, endpoint_id=endpoint_id, **self._where())
            )
        )

    def route(self, endpoint_id: str, deployment_id: str | None) -> None:
        """Send the endpoint's requests to one deployment, or to none. Harmless to repeat."""
        split = [{"deployment_id": deployment_id, "weight": 1.0}] if deployment_id else []
        self._json(
            "the endpoint",
            lambda: self._client.endpoints.update(
                endpoint_id, traffic_split=split, update_mask="trafficSplit", **self._where()
            ),
        )

    def scale_to_zero(self, endpoint_id: str, deployment_id: str) -> None:
        """Let go of every replica of a deployment, which ends its cost. Harmless to repeat."""
        change = self._client.endpoints.deployments.update
        _unless_gone(
            lambda: self._json(
                "the deployment",
                lambda: change(
                    deployment_id,
                    endpoint_id=endpoint_id,
                    autoscaling=ZERO,
                    update_mask="autoscaling",
                    **self._where(),
                ),
            )
        )

    def delete(self, endpoint_id: str, deployment_id: str | None = None) -> None:
        """Remove a stopped deployment, or an endpoint that has none left."""
        ours = self._client.endpoints
        if deployment_id is None:
            remove = lambda: ours.delete(endpoint_id, **self._where())  # noqa: E731
        else:
            remove = lambda: ours.deployments.delete(  # noqa: E731
                deployment_id, endpoint_id=endpoint_id, **self._where()
            )
        _unless_gone(lambda: self._call("the endpoint", remove))

    def _where(self) -> dict[str, Any]:
        return {"project_id": self.project}

    def _list(self, what: str, ask: Callable[[], Any]) -> list[Json]:
        """Every entry of every page."""

        def entries() -> list[Json]:
            return [entry.model_dump(mode="json", by_alias=True, warnings=False) for entry in ask()]

        return self._call(what, entries)


def _unless_gone(ask: Callable[[], Any]) -> Any:
    """What `ask` returns; None where Together does not know the thing (any more)."""
    try:
        return ask()
    except EngineError as error:
        if error.status != GONE:
            raise
        return None
