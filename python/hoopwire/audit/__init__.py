"""Audit events: one fact for people each, to a sink at once and to the store in batches.

Knows no token: an event has no field that could hold one.
"""

from hoopwire.audit.event import AuditEvent, Kind, grant_event, identity_event, vouched_event
from hoopwire.audit.sink import FileSink, Sink, StreamSink
from hoopwire.audit.trail import AuditTrail
from hoopwire.audit.unwaiting import Unwaiting

__all__ = [
    "AuditEvent",
    "AuditTrail",
    "FileSink",
    "Kind",
    "Sink",
    "StreamSink",
    "Unwaiting",
    "grant_event",
    "identity_event",
    "vouched_event",
]
