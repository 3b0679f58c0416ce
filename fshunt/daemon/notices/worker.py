"""Makes and sends the notices; of several daemons the one with the lowest rank does it.

It looks at the database each second, and sends in threads of its own: no hunt waits for it, and a host that is slow, or
gone, holds up no other. What is made and what was sent stands in the database; here is only what need not last.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, partial

import gevent
from gevent.lock import Semaphore
from gevent.pool import Group
from gevent.threadpool import ThreadPool
from sqlalchemy.orm import Session

from fshunt.daemon.data.database import Database
from fshunt.daemon.notices.lanes import Pauses, lane_of
from fshunt.daemon.notices.outcome import Blame, NotSent
from fshunt.daemon.notices.smtp import Mails
from fshunt.daemon.notices.webhook import Webhooks
from fshunt.db.queries import notice_deliveries, notices
from fshunt.db.queries.notice_deliveries import Delivery
from fshunt.errors import DatabaseError, FshuntError
from fshunt.log_events import LogEvent, about
from fshunt.notices.message import Message
from fshunt.notices.notice import Channel, is_given_up, pause_seconds
from fshunt.services.notice_messages import begin_try
from fshunt.settings import Settings

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How often it is looked what is to be told."""

WEBHOOK_THREADS = 4
"""Hosts of webhooks that are sent to at once; mails have a thread of their own."""

STOP_SECONDS = 1.5
"""How long a stop waits for what is being sent: the next daemon would send it again."""

POOL_SECONDS = 0.25
"""How long the threads may take after that; one that waits for its host ends by its own deadline."""

Send = Callable[[Message], None]


@dataclass(frozen=True, slots=True)
class Tried:
    """A try that is over, and is to be written. ``error`` None: the message was taken."""

    delivery: Delivery
    at: datetime
    error: NotSent | None


class NoticeWorker:
    """A service. ``settings`` are those of now, ``rank`` is 0 for the daemon that does it.

    ``senders`` returns what sends a message of each channel, by the settings as they are then; ``on_tried`` is told of
    each try whether it was sent.
    """

    def __init__(
        self,
        database: Database,
        settings: Callable[[], Settings],
        rank: Callable[[], int],
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
        senders: Callable[[Settings], dict[Channel, Send]] | None = None,
        on_tried: Callable[[bool], object] = lambda _sent: None,
    ) -> None:
        self._database, self._settings, self._rank, self._now = database, settings, rank, now
        self._senders, self._on_tried = senders or self._real_senders, on_tried
        self._pauses = Pauses(monotonic)
        self._greenlets = Group()
        self._busy: dict[str, gevent.Greenlet] = {}
        """The lanes that are at work."""
        self._tried: dict[str, Tried] = {}
        """Tries that are not written yet, by the delivery."""
        self._pools = {Channel.MAIL: ThreadPool(1), Channel.WEBHOOK: ThreadPool(WEBHOOK_THREADS)}
        self._free = {Channel.MAIL: Semaphore(1), Channel.WEBHOOK: Semaphore(WEBHOOK_THREADS)}

    def run(self) -> None:
        """Look each second, until killed."""
        while True:
            try:
                self.look()
            except DatabaseError as error:
                log.debug("notices not looked at: %s", error)
            gevent.sleep(LOOK_SECONDS)

    def stop(self) -> None:
        """Wait a moment for what is being sent, and begin nothing more."""
        self._greenlets.join(timeout=STOP_SECONDS)
        self._greenlets.kill(block=False)
        for pool in self._pools.values():
            with gevent.Timeout(POOL_SECONDS, False):
                pool.kill()

    def look(self) -> None:
        """Make what is to be told, and begin to send what is due. Raises DatabaseError."""
        if self._database.away is not None:
            return
        self._write_tried()
        if self._rank() != 0:
            return
        now = self._now()
        work = self._database.run(lambda s: notices.to_make(s, now))
        if work is None:
            return
        if work.calls:
            self._make(work.calls, now)
        if work.queues:
            self._database.run(lambda s: notices.make_for_queues(s, now), write=True)
        self._begin(self._due(now))

    def _make(self, calls: list[str], now: datetime) -> None:
        """Make the deliveries of calls; one of which they cannot be made holds up no other."""
        try:
            self._database.run(lambda s: notices.make_for_calls(s, calls, now), write=True)
        except DatabaseError:
            raise
        except FshuntError as error:
            for call in calls if len(calls) > 1 else ():
                self._make([call], now)
            if len(calls) == 1:
                log.warning("no notice of hunt %s: %s", calls[0], error)
                self._database.run(lambda s: notices.forget_calls(s, calls), write=True)

    def _due(self, now: datetime) -> list[Delivery]:
        """Return what may be sent now; however much waits for a lane that is not free, it hides nothing behind it."""
        held = set(self._pauses.notices)
        while True:
            found = self._database.run(partial(notice_deliveries.due, now=now, but=frozenset(held)))
            back = {each.notice_id for each in found if not self._is_free(lane_of(each))}
            if not back or len(found) < notice_deliveries.MAX_DUE:
                return [each for each in found if each.notice_id not in back]
            held |= back

    def _is_free(self, lane: str) -> bool:
        return not self._pauses.holds(lane) and (lane not in self._busy or self._busy[lane].dead)

    def _begin(self, due: list[Delivery]) -> None:
        """Begin to send, one after the other in each lane."""
        lanes = defaultdict[str, list[Delivery]](list)
        for delivery in due:
            if delivery.id not in self._tried:
                lanes[lane_of(delivery)].append(delivery)
        for lane, deliveries in lanes.items():
            self._busy[lane] = self._greenlets.spawn(self._send_all, lane, deliveries)

    def _send_all(self, lane: str, deliveries: list[Delivery]) -> None:
        try:
            for delivery in deliveries:
                if self._pauses.holds(lane):
                    return
                if not self._pauses.holds(delivery.notice_id):
                    self._try(lane, delivery)
        except DatabaseError as error:
            log.debug("notices not sent: %s", error)

    def _try(self, lane: str, delivery: Delivery) -> None:
        with self._free[delivery.channel]:
            settings, now = self._settings(), self._now()
            message = self._begin_try(lane, delivery, now, settings.web_url)
            if message is None:
                return
            send = self._senders(settings)[delivery.channel]
            error = self._pools[delivery.channel].spawn(partial(_quietly, send, message)).get()
        self._note(lane, Tried(delivery, self._now(), error))

    def _begin_try(self, lane: str, delivery: Delivery, now: datetime, web_url: str | None) -> Message | None:
        """Return the message to send; one that cannot be made is a dead letter, and holds up no other."""
        try:
            return self._database.run(lambda s: begin_try(s, delivery, now, web_url), write=True)
        except DatabaseError:
            raise
        except FshuntError as error:
            if self._database.run(lambda s: notice_deliveries.take(s, delivery, now), write=True):
                self._note(lane, Tried(delivery, now, NotSent(f"internal error: {error}", Blame.MESSAGE)))
            return None

    def _note(self, lane: str, tried: Tried) -> None:
        """Remember how a try went, and write it; without the database it is written later."""
        delivery, error = tried.delivery, tried.error
        self._on_tried(error is None)
        if error is None:
            self._pauses.succeeded(lane, delivery.notice_id)
            log.info("notice %s sent", delivery.id, extra=_about(LogEvent.NOTICE_SENT, delivery))
        else:
            if error.blame is not Blame.MESSAGE:
                self._pauses.failed(lane if error.blame is Blame.HOST else delivery.notice_id)
            level = logging.DEBUG if str(error) == delivery.last_error else logging.WARNING
            words = "notice %s to a %s not sent: %s"
            extra = _about(LogEvent.NOTICE_NOT_SENT, delivery)
            log.log(level, words, delivery.id, delivery.channel.value, error, extra=extra)
        self._tried[delivery.id] = tried
        self._write_tried()

    def _write_tried(self) -> None:
        for tried in list(self._tried.values()):
            self._database.run(partial(_write, tried=tried), write=True)
            self._tried.pop(tried.delivery.id, None)

    def _real_senders(self, settings: Settings) -> dict[Channel, Send]:
        mails, webhooks = Mails(self._tls, settings), Webhooks(self._tls, settings.webhook_allowed_networks)
        return {Channel.MAIL: mails.send, Channel.WEBHOOK: webhooks.send}

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """Certificates are verified by the authorities of the host."""
        return ssl.create_default_context()


def _quietly(send: Send, message: Message) -> NotSent | None:
    """The outermost frame of a thread: gevent would print a traceback of what leaves it."""
    try:
        send(message)
    except NotSent as error:
        return error
    except Exception as error:
        log.exception("internal error while a notice is sent")
        return NotSent(f"internal error: {type(error).__name__}: {error}")
    return None


def _write(s: Session, *, tried: Tried) -> None:
    """Write how a try went; it is the last word unless somebody else has begun a try since."""
    delivery, tries = tried.delivery, tried.delivery.tries + 1
    if tried.error is None:
        notice_deliveries.remove(s, delivery.id, tries)
        notice_deliveries.note_sent(s, delivery.notice_id, tried.at)
        return
    dead = tried.error.blame is Blame.MESSAGE or is_given_up(tries, delivery.due_at, tried.at)
    again = tried.at + timedelta(seconds=pause_seconds(tries))
    notice_deliveries.note_failed(s, delivery.id, tries, error=str(tried.error), next_try_at=again, dead=dead)


def _about(event: LogEvent, delivery: Delivery) -> dict[str, str | None]:
    return dict(about(event, domain=delivery.domain, pilot=delivery.pilot))
