"""Together's dedicated endpoints on loopback, for the real SDK: a `TogetherServer` with hardware.

Endpoints cost nothing, deployments do: `running` lists those that would be billed at this moment, and
`most_running` is the highest number of them there ever was.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from tests.together_server import Answer, Job, Seen, TogetherServer, answer_of

PROJECT, SLUG = "proj-1", "me-1a2b"
QWEN = "Qwen/Qwen2.5-7B-Instruct"
NOW = "2026-11-26T10:00:00Z"
ROOT = f"/v2/projects/{PROJECT}"
ENDPOINTS = f"{ROOT}/endpoints"


def config(name: str, hardware: str = "nvidia-h100-80gb", count: int = 1) -> dict[str, Any]:
    """A configuration in which a model can be deployed."""
    chosen = {"accelerator_type": hardware, "accelerator_count": str(count)}
    return {
        "id": name,
        "projectId": "proj-public",
        "referenceModel": "projects/proj-public/models/ml-base",
        "referenceModelId": "ml-base",
        "certifications": [],
        "selectors": [{"key": key, "value": value} for key, value in chosen.items()],
    }


def hardware(name: str, cents: int, room: int = 4) -> dict[str, Any]:
    """An entry of the hardware catalogue."""
    return {
        "id": f"hw-{name}",
        "name": name,
        "description": name,
        "gpuCount": 1,
        "gpuMemoryGib": 80,
        "gpuType": "H100",
        "priceCentsPerHour": cents,
        "regions": [{"name": "us", "headroom": {"relation": "RELATION_EQ", "value": room}}],
    }


@dataclass
class Deployment:
    """A deployment and the states that looks at it find, one after the other."""

    id: str
    name: str
    body: dict[str, Any]
    states: list[str]
    looks: int = 0
    message: str = ""

    @property
    def state(self) -> str:
        return self.states[min(self.looks, len(self.states) - 1)]


@dataclass
class EndpointServer(TogetherServer):
    """The server; its further attributes script what goes wrong with endpoints."""

    key_has_project: bool = True
    job_names_model: bool = True
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    configs: list[dict[str, Any]] = field(
        default_factory=lambda: [config("cr-2", count=2), config("cr-1"), config("cr-9", "mystery")]
    )
    catalogue: list[dict[str, Any]] = field(
        default_factory=lambda: [hardware("2xnvidia-h100-80gb", 798), hardware("1xnvidia-h100-80gb", 399)]
    )
    # As `creating`: "made", "made, then hang", "made, then 500", "500", or a status with words.
    making: list[str] = field(default_factory=lambda: ["made"])
    deploying: list[str] = field(default_factory=lambda: ["made"])
    begins: list[str] = field(default_factory=lambda: ["PROVISIONING", "PROVISIONING", "READY"])
    ends: list[str] = field(default_factory=lambda: ["STOPPING", "STOPPED"])
    message: str = ""
    endpoint_lags: int = 0
    endpoints: dict[str, dict[str, Any]] = field(default_factory=dict)
    deployments: dict[str, list[Deployment]] = field(default_factory=dict)
    most_running: int = 0
    deployed: int = 0

    def trained(self, model: str = QWEN, suffix: str = "pirate-dpo-0123456789ab") -> Job:
        """A completed job whose model is registered in the project."""
        job = Job(f"ft-{len(self.jobs) + 1}", {"model": model, "suffix": suffix, "training_file": "f"}, [])
        job.statuses = ["completed"]
        self.jobs[job.id] = job
        name = f"{SLUG}/{model.split('/')[-1]}-{suffix}-1a2b"
        self.models[f"ml-{job.id}"] = {
            "id": f"ml-{job.id}",
            "name": name,
            "organizationId": "org-1",
            "projectId": PROJECT,
            "visibility": "VISIBILITY_PRIVATE",
            "weights": {"type": "WEIGHTS_TYPE_DEFAULT"},
            "baseModelId": "ml-base",
        }
        return job

    @property
    def running(self) -> list[Deployment]:
        """What is billed at this moment."""
        every = [one for found in self.deployments.values() for one in found]
        return [one for one in every if one.state not in ("STOPPED", "FAILED")]

    def answer(self, seen: Seen) -> Answer | None:
        """What the API answers, the endpoints' own paths included."""
        with self.lock:
            answer = self._answer(seen)
            self.most_running = max(self.most_running, len(self.running))
        if answer == HANG:
            self.release.wait(30)
            return None
        return answer

    def _answer(self, seen: Seen) -> Answer | None:
        path = unquote(seen.path)
        if path == "/v3/whoami":
            return 200, self._whoami(), {}
        if path == "/v2/public/inference-instance-types":
            return 200, {"object": "list", "data": self.catalogue}, {}
        if path == "/v1/chat/completions":
            return self._chat(seen)
        if found := re.fullmatch(rf"{ROOT}/models(?:/([^/]+))?", path):
            return self._model(found[1])
        if path == f"{ROOT}/configs":
            is_base = seen.query.get("referenceModelId") == "ml-base"
            return 200, {"data": self.configs if is_base else []}, {}
        if found := re.fullmatch(rf"{ENDPOINTS}(?:/([^/]+))?", path):
            return self._endpoint(seen, found[1])
        if found := re.fullmatch(rf"{ENDPOINTS}/([^/]+)/deployments(?:/([^/]+))?", path):
            return self._deployment(seen, found[1], found[2])
        return self._job(seen)

    def _whoami(self) -> dict[str, Any]:
        organization = {"id": "org-1", "name": "Me"}
        if not self.key_has_project:
            return {"type": "org_api_key", "api_key": {"id": "k"}, "organization": organization}
        project = {"id": PROJECT, "name": "Mine", "slug": SLUG}
        return {
            "type": "project_api_key",
            "api_key": {"id": "k"},
            "organization": organization,
            "project": project,
        }

    def _job(self, seen: Seen) -> Answer | None:
        """A job as Together shows it, with the model that it made."""
        answer = answer_of(self, seen)
        is_one = answer and re.fullmatch(r"/v1/fine-tunes/ft-[^/]+", seen.path)
        if answer and is_one and self.job_names_model and isinstance(answer[1], dict) and "id" in answer[1]:
            answer[1]["model_object_id"] = f"ml-{answer[1]['id']}"
        return answer

    def _model(self, model_id: str | None) -> Answer:
        if model_id is None:
            return 200, {"data": list(self.models.values())}, {}
        found = self.models.get(model_id)
        return (200, found, {}) if found else missing("model")

    def _chat(self, seen: Seen) -> Answer:
        """An answer where the name is an endpoint's whose traffic goes to a ready deployment."""
        for endpoint in self.endpoints.values():
            routed = {entry["deploymentId"] for entry in endpoint["trafficSplit"]}
            ready = [one for one in self.deployments[endpoint["id"]] if one.state == "READY"]
            if endpoint["name"] == seen.json["model"] and any(one.id in routed for one in ready):
                message = {"role": "assistant", "content": "Arr, matey!"}
                return 200, {"choices": [{"message": message, "finish_reason": "stop"}], "usage": {}}, {}
        return missing("model")

    # ---- endpoints: names, which cost nothing

    def _endpoint(self, seen: Seen, endpoint_id: str | None) -> Answer | None:
        if endpoint_id is None:
            return self._make(seen) if seen.method == "POST" else self._find(seen)
        endpoint = self.endpoints.get(endpoint_id)
        if endpoint is None:
            return missing("endpoint")
        if seen.method == "PATCH":
            endpoint["trafficSplit"] = seen.json["trafficSplit"]
        if seen.method == "DELETE":
            if self.deployments[endpoint_id]:
                return 400, {"error": {"message": "delete its deployments first"}}, {}
            del self.endpoints[endpoint_id]
            return 200, {}, {}
        return 200, endpoint, {}

    def _find(self, seen: Seen) -> Answer:
        self.endpoint_lags -= 1
        wanted = re.fullmatch(r'name="(.*)"', seen.query.get("filter", ""))
        found = [one for one in self.endpoints.values() if wanted and one["name"].endswith(f"/{wanted[1]}")]
        return 200, {"data": [] if self.endpoint_lags >= 0 else found}, {}

    def _make(self, seen: Seen) -> Answer | None:
        name = f"{SLUG}/{seen.json['name']}"
        if any(one["name"] == name for one in self.endpoints.values()):
            return 409, {"error": {"message": "that name is taken"}}, {}
        endpoint = {
            "id": f"ep_{len(self.endpoints) + 1}",
            "name": name,
            "projectId": PROJECT,
            "createdAt": NOW,
            "updatedAt": NOW,
            "deployments": [],
            "endpointType": "ENDPOINT_TYPE_DEDICATED",
            "etag": "1",
            "trafficSplit": [],
            "visibility": "VISIBILITY_PRIVATE",
        }

        def make() -> None:
            self.endpoints[endpoint["id"]] = endpoint
            self.deployments[endpoint["id"]] = []

        return planned(self.making, make, lambda: endpoint)

    # ---- deployments: replicas, which are billed

    def _deployment(self, seen: Seen, endpoint_id: str, deployment_id: str | None) -> Answer | None:
        ours = self.deployments.get(endpoint_id)
        if ours is None or endpoint_id not in self.endpoints:
            return missing("endpoint")
        if deployment_id is None:
            if seen.method == "POST":
                return self._deploy(seen, endpoint_id, ours)
            return 200, {"data": [self._looked_at(one, endpoint_id) for one in ours]}, {}
        found = next((one for one in ours if one.id == deployment_id), None)
        if found is None:
            return missing("deployment")
        is_to_stop = seen.method == "PATCH" and seen.json["autoscaling"]["maxReplicas"] == 0
        if is_to_stop and found.state not in ("STOPPED", "FAILED"):
            found.states, found.looks = list(self.ends), 0
        if seen.method == "DELETE":
            if found.state not in ("STOPPED", "FAILED"):
                return 400, {"error": {"message": "stop it first"}}, {}
            ours.remove(found)
            return 200, {}, {}
        return 200, self._looked_at(found, endpoint_id), {}

    def _deploy(self, seen: Seen, endpoint_id: str, ours: list[Deployment]) -> Answer | None:
        self.deployed += 1
        name = f"{self.endpoints[endpoint_id]['name']}/{seen.json['name']}"
        made = Deployment(f"dep_{self.deployed}", name, seen.json, list(self.begins))
        return planned(self.deploying, lambda: ours.append(made), lambda: self._shown(made, endpoint_id))

    def _looked_at(self, deployment: Deployment, endpoint_id: str) -> dict[str, Any]:
        shown = self._shown(deployment, endpoint_id)
        deployment.looks += 1
        return shown

    def _shown(self, deployment: Deployment, endpoint_id: str) -> dict[str, Any]:
        replicas = 1 if deployment.state in ("READY", "STOPPING", "SCALING") else 0
        return {
            **deployment.body,
            "id": deployment.id,
            "name": deployment.name,
            "projectId": PROJECT,
            "endpointId": endpoint_id,
            "createdAt": NOW,
            "updatedAt": NOW,
            "etag": "1",
            "trafficMode": "TRAFFIC_MODE_LIVE",
            "hardware": "1xnvidia-h100-80gb",
            "configId": "cr-1",
            "modelId": "ml",
            "modelRevisionId": "",
            "status": {
                "state": f"DEPLOYMENT_STATE_{deployment.state}",
                "message": self.message,
                "readyReplicas": replicas,
            },
        }


HANG: Answer = (0, None, {})


def missing(what: str) -> Answer:
    return 404, {"error": {"message": f"no such {what}"}}, {}


def planned(plans: list[str], make: Any, shown: Any) -> Answer:
    """What comes of a create that follows the next plan; the last one is kept."""
    plan = plans.pop(0) if len(plans) > 1 else plans[0]
    if plan.startswith("made"):
        make()
    if "hang" in plan:
        return HANG
    if plan[:3].isdigit():
        return int(plan[:3]), {"error": {"message": plan[4:] or "trouble"}}, {}
    return (500, {"error": {"message": "broke"}}, {}) if "500" in plan else (200, shown(), {})
