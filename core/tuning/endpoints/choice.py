"""From a finished training to what can be served: its model at Together, and the best offer for it."""

from __future__ import annotations

from typing import Any, NamedTuple

from core.errors import EngineError, JobError
from core.formats import Kind
from core.settings import Settings
from core.tuning.endpoints.offer import Offer, offers_of, undeployable_words
from core.tuning.endpoints.remote import GONE, EndpointRemote
from core.tuning.recipe import not_deployable
from core.tuning.state import Tuning, read_tuning, tunings

Json = dict[str, Any]

MADE = frozenset({"trained", "downloaded", "registered"})


class Choice(NamedTuple):
    """A model by its resource name, and every way to serve it, best first."""

    model: str
    offers: list[Offer]


def finished_tuning(
    settings: Settings,
    tuning_id: str | None,
    constitution: str | None,
    student: str | None,
    stage: Kind | None,
) -> Tuning:
    """The training by its id, else the newest finished one of a character and a student.

    Raises JobError where there is none, or where it has not made a model.
    """
    if tuning_id is not None:
        found = read_tuning(settings, tuning_id)
        if found.state not in MADE:
            raise JobError(
                f"Training {tuning_id} has made no model yet ({found.state}); go on with it first: "
                f"character train resume {tuning_id}"
            )
        return found
    for found in tunings(settings):
        wanted = constitution == found.constitution and student in (None, found.student)
        if wanted and stage in (None, found.kind) and found.state in MADE:
            return found
    whose = f"{constitution}" + (f" and {student}" if student else "")
    raise JobError(f"Together has trained nothing for {whose} yet; see `character train list`.")


def choose(tuning: Tuning, remote: EndpointRemote) -> Choice:
    """What the tuned model is called at Together and how it can be served; asks, and makes nothing.

    Raises JobError, with the way to use the adapter, for a model that gets no endpoint.
    """
    if not_deployable(tuning.model):
        raise refusal(tuning, "a base whose name ends in -Reference can be trained only")
    remote.find_project()
    try:
        model, revision = _model_of(tuning, remote)
        configs = remote.configs(str(model.get("baseModelId") or model["id"]))
    except EngineError as error:
        if error.status != GONE:
            raise
        raise refusal(tuning, "it does not know the model that the training made (HTTP 404)") from error
    if not configs:
        raise refusal(tuning, "it lists no hardware for this base")
    path = f"projects/{model.get('projectId') or remote.project}/models/{model['id']}"
    return Choice(
        path + (f"/revisions/{revision}" if revision else ""), offers_of(configs, _prices(remote))
    )


def _prices(remote: EndpointRemote) -> list[Json]:
    """The catalogue; without it every price is unknown, which needs a person's yes."""
    try:
        return remote.hardware()
    except EngineError as error:
        if error.stops_job:
            raise
        return []


def _model_of(tuning: Tuning, remote: EndpointRemote) -> tuple[Json, str | None]:
    """The model that a training made, and its revision. A LoRA that was not merged is merged there."""
    job = remote.job(str(tuning.job_id))
    for kind in ("model", "adapter"):
        if model_id := job.get(f"{kind}_object_id"):
            revision = job.get(f"{kind}_object_revision_id")
            return remote.model(str(model_id)), str(revision) if revision else None
    wanted = _last(job.get("model_output_name") or tuning.output_name)
    for model in remote.models():
        if _last(model.get("name")) == wanted:
            return model, None
    raise refusal(tuning, "the model that the training made is not among the project's models")


def _last(name: Any) -> str:
    return str(name).rsplit("/", 1)[-1].casefold()


def refusal(tuning: Tuning, why: str) -> JobError:
    """The error for a model that gets no endpoint, with the way to use its adapter."""
    words = undeployable_words(tuning.model, tuning.student, tuning.constitution, tuning.adapter, why)
    return JobError(words)
