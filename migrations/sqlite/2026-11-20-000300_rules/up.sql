-- What rules wait for, and what they say.
-- Times are microseconds since 1970 (UTC), ids are their 16 bytes.

ALTER TABLE events ADD COLUMN live BOOLEAN NOT NULL DEFAULT 1;  -- somebody may be told because of it

CREATE TABLE wakes (
    rule                TEXT    NOT NULL,
    cause               BLOB    NOT NULL,                       -- the event that is the reason to look
    user_id             TEXT    NOT NULL,
    cause_at            BIGINT  NOT NULL,
    due_at              BIGINT  NOT NULL,
    waits_for_watermark BOOLEAN NOT NULL,
    job_id              BLOB,                                   -- the file that it waits for
    PRIMARY KEY (rule, cause)
) WITHOUT ROWID;
-- What is due, longest due first. Each wake lies in one of these, by what else it waits for: those that must go on waiting are
-- never in the way of those that may be taken.
CREATE INDEX wakes_at_once ON wakes (due_at) WHERE job_id IS NULL AND NOT waits_for_watermark;
CREATE INDEX wakes_after_watermark ON wakes (due_at) WHERE job_id IS NULL AND waits_for_watermark;
CREATE INDEX wakes_after_file ON wakes (job_id, due_at) WHERE job_id IS NOT NULL;
-- Those of one user, by the time of the cause.
CREATE INDEX wakes_by_user ON wakes (user_id, rule, cause_at);

CREATE TABLE watermarks (
    worker          TEXT   NOT NULL PRIMARY KEY,
    accepted_before BIGINT NOT NULL,                            -- it holds no event that was accepted before this
    seen_at         BIGINT NOT NULL                             -- its last sign of life
) WITHOUT ROWID;

CREATE TABLE notifications (
    notification_id BLOB    NOT NULL PRIMARY KEY,               -- the same rule, user and cause have the same id
    rule            TEXT    NOT NULL,
    user_id         TEXT    NOT NULL,
    cause           BLOB    NOT NULL,
    cause_at        BIGINT  NOT NULL,
    state           TEXT    NOT NULL CHECK (state IN ('held', 'pending', 'delivered', 'failed', 'suppressed', 'withdrawn')),
    suppression     TEXT,                                       -- why it is suppressed
    message         TEXT    NOT NULL,
    data            TEXT    NOT NULL,                           -- JSON as it was written
    created_at      BIGINT  NOT NULL,
    send_at         BIGINT  NOT NULL,
    attempts        INTEGER NOT NULL,
    next_try_at     BIGINT,
    delivered_at    BIGINT,
    last_error      TEXT,
    CHECK (state <> 'pending' OR next_try_at IS NOT NULL)       -- nobody would ever take it
);
-- Those of one user, by the time of the cause.
CREATE INDEX notifications_by_user ON notifications (user_id, rule, cause_at);
-- The list, whole or of one state, newest first.
CREATE INDEX notifications_by_time ON notifications (created_at, notification_id);
CREATE INDEX notifications_by_state ON notifications (state, created_at, notification_id);
-- What is to be tried: small, whatever the number of those that have arrived.
CREATE INDEX notifications_to_try ON notifications (next_try_at) WHERE state = 'pending';

CREATE TABLE received_notices (
    notice_no       INTEGER PRIMARY KEY,                        -- in the order in which they came
    received_at     BIGINT  NOT NULL,
    idempotency_key TEXT,
    body            TEXT    NOT NULL                            -- JSON as it was written
);
