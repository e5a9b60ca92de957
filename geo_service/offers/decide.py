"""Decide: from the transitions of one phone to at most one push, committed. The shell round the pure choice."""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import msgspec
import structlog
from prometheus_client import Counter, Histogram

from geo_service.clock import Clock
from geo_service.context.opening_hours import Hours, hours_at
from geo_service.database.database import Database
from geo_service.database.queries import load_queries
from geo_service.geofences.registry import FenceRegistry
from geo_service.offers.book import CampaignBook
from geo_service.offers.candidate import Candidate, SendPolicy
from geo_service.offers.choice import Verdict, choose
from geo_service.offers.commit import Committer, derived_id, presence_rows, transition_rows, visit_id
from geo_service.offers.deadline import Deadline
from geo_service.offers.messages import (
    BODY_AT_MOST,
    TITLE_AT_MOST,
    amount_text,
    choose_language,
    percent_text,
    render,
)
from geo_service.offers.snapshot import Snapshot, Voucher
from geo_service.presence.phones import Phone
from geo_service.presence.pings import Moment
from geo_service.presence.track import TrackState
from geo_service.pushes.provider import Platform
from geo_service.routing.router import Route, Router, map_url
from geo_service.web.times import rfc3339

_LOG = structlog.get_logger(__name__)
_SQL = load_queries(__file__, "commit.sql")

DECISIONS = Counter("geo_decisions_total", "Decisions by reason, as committed", ["reason"])
STAGE = Histogram(
    "geo_stage_seconds",
    "Time from one stage of a ping to the next",
    ["stage"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60),
)
# How long the first hand-over may take before the sweeper helps: about a crash and a restart.
FIRST_LEASE_S = 3.0


class Tenant(Protocol):
    """What a decision needs of a tenant, in memory."""

    @property
    def registry(self) -> FenceRegistry: ...
    @property
    def book(self) -> CampaignBook: ...


class Decider:
    """Decides and commits. `handed_on` is called with (tenant_id, push_id) once a push is in the outbox."""

    def __init__(
        self,
        database: Database,
        committer: Committer,
        tenants: Callable[[str], Tenant],
        router: Router,
        clock: Clock,
        policy: SendPolicy,
        handed_on: Callable[[str, uuid.UUID], None],
    ) -> None:
        self._database = database
        self._committer = committer
        self._tenants = tenants
        self._router = router
        self._clock = clock
        self._policy = policy
        self._handed_on = handed_on

    async def decide(
        self,
        phone: Phone,
        moments: Sequence[Moment],
        before: TrackState,
        after: TrackState,
        received_s: float,
        matched_s: float,
    ) -> None:
        """Everything that the transitions come to is stored when this returns; when it raises, nothing is."""
        candidates = await self._candidates(phone, moments)
        verdicts: list[Verdict] = []
        snapshot = None
        if candidates:
            snapshot = await self._snapshot(phone)
            if snapshot is None:
                return
            verdicts = choose(candidates, snapshot, self._clock.now_s(), self._policy)
        decided_s = self._clock.now_s()
        present, left = presence_rows(phone.device_id, before, after)
        choice_id = derived_id(
            "choice", phone.device_id, *(f"{m.transition.geofence_id}@{m.fix.at_s}" for m in moments)
        )
        stages = {"received_s": received_s, "matched_s": matched_s, "decided_s": decided_s}
        row: dict[str, Any] = {
            "choice_id": choice_id,
            "device_id": phone.device_id,
            "customer_id": snapshot.customer_id if snapshot is not None else phone.customer_id,
            "transitions": transition_rows(phone.device_id, moments),
            "presences": present,
            "left": left,
            "decisions": [_decision_row(phone, verdict, stages) for verdict in verdicts],
            "push": None,
        }
        winner = next((verdict for verdict in verdicts if verdict.reason == "sent"), None)
        if winner is not None and snapshot is not None:
            row["push"] = _push_row(phone, winner, snapshot, decided_s)
        ended = await self._committer.commit(phone, row, decided_s)
        committed_s = self._clock.now_s()
        self._observe(verdicts, ended, received_s, matched_s, decided_s, committed_s)
        if ended == "sent":
            self._handed_on(phone.tenant_id, row["push"]["push_id"])

    async def _candidates(self, phone: Phone, moments: Sequence[Moment]) -> list[Candidate]:
        tenant = self._tenants(phone.tenant_id)
        now_s = self._clock.now_s()
        specs = []
        for moment in moments:
            transition = moment.transition
            fence = tenant.registry.fences.get(transition.geofence_id)
            store = tenant.registry.stores.get(fence.store_id) if fence is not None else None
            if fence is None or store is None:
                continue
            campaigns = tenant.book.candidates(
                fence, transition.kind, transition.dwelled_before_s, transition.dwelled_s, now_s
            )
            specs += [(moment, store, campaign_id, campaign) for campaign_id, campaign in campaigns]
        if not specs:
            return []
        places = {(moment.transition.geofence_id, moment.fix.at_s): (moment, store) for moment, store, _, _ in specs}
        routes = await asyncio.gather(
            *(self._router.walk(m.fix.lat, m.fix.lng, s.entrance.lat, s.entrance.lng, "en") for m, s in places.values())
        )
        route_of: dict[tuple[str, float], Route] = dict(zip(places, routes, strict=True))
        return [
            Candidate(
                campaign_id,
                campaign,
                store,
                moment.transition,
                moment.fix,
                moment.motion,
                route_of[moment.transition.geofence_id, moment.fix.at_s],
                _hours(store.opening_hours, store.time_zone, store.entrance.lat, store.entrance.lng, now_s),
            )
            for moment, store, campaign_id, campaign in specs
        ]

    async def _snapshot(self, phone: Phone) -> Snapshot | None:
        async with self._database.connection() as connection:
            raw = await connection.fetchval(_SQL.read_snapshot, phone.tenant_id, phone.device_id, self._clock.now_s())
        return msgspec.convert(raw, Snapshot, strict=False) if raw is not None else None

    def _observe(
        self,
        verdicts: Sequence[Verdict],
        ended: str | None,
        received_s: float,
        matched_s: float,
        decided_s: float,
        committed_s: float,
    ) -> None:
        for verdict in verdicts:
            DECISIONS.labels(ended if verdict.reason == "sent" and ended is not None else verdict.reason).inc()
        if verdicts:
            STAGE.labels("received_to_matched").observe(max(0.0, matched_s - received_s))
            STAGE.labels("matched_to_decided").observe(max(0.0, decided_s - matched_s))
            STAGE.labels("decided_to_committed").observe(max(0.0, committed_s - decided_s))


def _hours(text: str | None, time_zone: str, lat: float, lng: float, now_s: float) -> Hours | None:
    return hours_at(text, time_zone, lat, lng, now_s) if text else None


def distance_band(distance_m: float) -> str:
    """The part of a distance that may be kept."""
    for least, most in ((0, 25), (25, 50), (50, 100), (100, 200), (200, 400), (400, 800)):
        if distance_m < most:
            return f"{least}-{most}"
    return "800+"


def _inputs(verdict: Verdict) -> dict[str, Any]:
    """What the decision saw: enough to explain it after positions are gone, and no position."""
    case, candidate = verdict.case, verdict.case.candidate
    motion, deadline = candidate.motion, candidate.deadline
    inputs: dict[str, Any] = {
        "transition_at": rfc3339(candidate.transition.at_s),
        "confidence": round(candidate.transition.confidence, 3),
        "accuracy_m": round(candidate.fix.accuracy_m, 1),
        "fix_age_s": round(case.now_s - candidate.fix.at_s, 1),
        "distance_band_m": distance_band(candidate.route.distance_m),
        "speed_mps": round(motion.speed_mps, 1) if motion is not None else None,
        "marketing_push_consent": case.snapshot.consent_marketing_push,
        "holds_card": case.snapshot.card is not None,
        "pushes_in_7_days": sum(push.at_s > case.now_s - 7 * 86_400 for push in case.snapshot.pushes),
    }
    if isinstance(deadline, Deadline):
        inputs["deadline_basis"] = deadline.basis
        inputs["seconds_to_deadline"] = round(deadline.at_s - case.now_s, 1)
    if candidate.hours is not None:
        inputs["store_open"] = candidate.hours.is_open
    if candidate.campaign.voucher is not None:
        voucher = case.voucher
        inputs["voucher"] = "found" if isinstance(voucher, Voucher) else voucher
    return inputs


def _decision_row(phone: Phone, verdict: Verdict, stages: dict[str, float]) -> dict[str, Any]:
    candidate = verdict.case.candidate
    transition, deadline = candidate.transition, candidate.deadline
    return {
        "decision_id": _decision_id(phone, candidate),
        "geofence_id": transition.geofence_id,
        "store_id": candidate.store.store_id,
        "campaign_id": candidate.campaign_id,
        "trigger_kind": transition.kind,
        "visit_id": visit_id(phone.device_id, transition.geofence_id, transition.visit_s),
        "at_s": transition.at_s,
        "reason": verdict.reason,
        "deadline_s": deadline.at_s if isinstance(deadline, Deadline) else None,
        "inputs": _inputs(verdict),
        "recorded_s": candidate.fix.at_s,
        **stages,
    }


def _decision_id(phone: Phone, candidate: Candidate) -> uuid.UUID:
    transition = candidate.transition
    return derived_id(
        "decision", phone.device_id, transition.geofence_id, transition.kind, round(transition.at_s * 1000),
        candidate.campaign_id,
    )  # fmt: skip


def voucher_value(voucher: Voucher, language: str) -> str:
    """What the voucher is worth, in the language's own form."""
    if voucher.amount is not None and voucher.currency is not None:
        return amount_text(Decimal(voucher.amount), voucher.currency, language)
    return percent_text(Decimal(voucher.percent or 0), language)


def _open_until(candidate: Candidate) -> str:
    hours = candidate.hours
    if hours is None or hours.changes_at_s is None:
        return ""
    moment = datetime.fromtimestamp(hours.changes_at_s, UTC).astimezone(ZoneInfo(candidate.store.time_zone))
    return moment.strftime("%H:%M")


def _push_row(phone: Phone, winner: Verdict, snapshot: Snapshot, now_s: float) -> dict[str, Any]:
    case, candidate = winner.case, winner.case.candidate
    campaign, store, transition = candidate.campaign, candidate.store, candidate.transition
    deadline = candidate.deadline
    if not isinstance(deadline, Deadline):
        raise TypeError("a candidate without a deadline cannot have been chosen")
    decision_id = _decision_id(phone, candidate)
    push_id, offer_id = derived_id("push", decision_id), derived_id("offer", decision_id)
    language = choose_language(snapshot.locale, campaign.messages, store.languages)
    values = {
        "store_name": store.name,
        "voucher_value": voucher_value(winner.voucher, language) if winner.voucher is not None else "",
        "distance_m": str(candidate.route.shown_m),
        "walk_minutes": str(candidate.route.minutes),
        "open_until": _open_until(candidate),
    }
    message = campaign.messages[language]
    return {
        "push_id": push_id,
        "offer_id": offer_id,
        "decision_id": decision_id,
        "store_id": store.store_id,
        "geofence_id": transition.geofence_id,
        "campaign_id": candidate.campaign_id,
        "trigger_kind": transition.kind,
        "at_s": transition.at_s,
        "voucher_code": winner.voucher.code if winner.voucher is not None else None,
        "language": language,
        "title": render(message.title, values, TITLE_AT_MOST),
        "body": render(message.body, values, BODY_AT_MOST),
        "data": _push_data(phone.platform, push_id, offer_id, candidate, deadline.at_s),
        "hand_over_by_s": case.hand_over_by_s,
        "deadline_s": deadline.at_s,
        "window_until_s": now_s + campaign.window_s,
        "lease_s": FIRST_LEASE_S,
        "caps": [msgspec.to_builtins(cap) for cap in candidate.caps],
    }


def _push_data(
    platform: Platform, push_id: uuid.UUID, offer_id: uuid.UUID, candidate: Candidate, deadline_s: float
) -> dict[str, str]:
    """What the app gets beside the text: by reference, without a code, a name or the customer's position."""
    store = candidate.store
    return {
        "push_id": str(push_id),
        "offer_id": str(offer_id),
        "store_id": store.store_id,
        "walk_m": str(candidate.route.shown_m),
        "walk_minutes": str(candidate.route.minutes),
        "map_url": map_url(platform, store.entrance.lat, store.entrance.lng),
        "expires_at": rfc3339(deadline_s),
    }
