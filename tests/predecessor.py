"""Reports a run with the predecessor's SQLAlchemy models, which do not know this server.

Usage: predecessor.py postgresql://…; prints the run's id.
"""

import sys
import uuid
from datetime import datetime, timedelta, timezone

from sqlalchemy import JSON, Column, DateTime, Float, ForeignKey, Integer, String, Text, create_engine
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.orm import Session, declarative_base, relationship

Base = declarative_base()


class User(Base):
    __tablename__ = "user"
    __table_args__ = {"schema": "user"}
    id = Column(UUID(as_uuid=True), primary_key=True, default=uuid.uuid4)
    email = Column(String(255), nullable=False)


class SyncHistory(Base):
    __tablename__ = "sync_history"
    __table_args__ = {"schema": "sync_history"}
    id = Column(UUID(as_uuid=True), primary_key=True, default=uuid.uuid4)
    entity_type = Column(String(50), nullable=False)
    source = Column(String(50), nullable=False)
    status = Column(String(20), nullable=False)
    started_at = Column(DateTime(timezone=True), nullable=False)
    completed_at = Column(DateTime(timezone=True))
    records_processed = Column(Integer, nullable=False, default=0)
    records_created = Column(Integer, nullable=False, default=0)
    records_updated = Column(Integer, nullable=False, default=0)
    records_failed = Column(Integer, nullable=False, default=0)
    sync_duration = Column(Float)
    triggered_by_id = Column(UUID(as_uuid=True), ForeignKey("user.user.id"))
    error_message = Column(Text)
    details = Column(JSON)
    events = relationship("SyncEvent", back_populates="sync")


class SyncEvent(Base):
    __tablename__ = "sync_event"
    __table_args__ = {"schema": "sync_history"}
    id = Column(UUID(as_uuid=True), primary_key=True, default=uuid.uuid4)
    sync_id = Column(UUID(as_uuid=True), ForeignKey("sync_history.sync_history.id"), nullable=False)
    event_type = Column(String(50), nullable=False)
    timestamp = Column(DateTime(timezone=True), nullable=False)
    message = Column(Text, nullable=False)
    details = Column(JSON)
    sync = relationship("SyncHistory", back_populates="events")


started = datetime(2026, 11, 23, 8, 0, tzinfo=timezone.utc)
with Session(create_engine(sys.argv[1])) as session:
    run = SyncHistory(
        entity_type="pricing", source="file", status="pending", started_at=started, details={"sheet": "A"}
    )
    run.events.append(
        SyncEvent(event_type="start", message="Extraction started", timestamp=started)
    )
    session.add(run)
    session.commit()
    run.status = "running"
    session.commit()
    run.events.append(
        SyncEvent(
            event_type="chunk",
            message="Chunk 1/1 imported",
            timestamp=started + timedelta(seconds=2),
            details={"rows": 12},
        )
    )
    run.status = "completed"
    run.completed_at = started + timedelta(seconds=2.5)
    run.sync_duration = 2.5
    run.records_processed = 12
    session.commit()
    print(run.id)
