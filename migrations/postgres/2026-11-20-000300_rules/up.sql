-- What rules wait for, and what they say.

ALTER TABLE events ADD COLUMN live boolean NOT NULL DEFAULT true; -- somebody may be told because of it

CREATE TABLE wakes (
    rule                text        NOT NULL COLLATE "C",
    cause               uuid        NOT NULL,                   -- the event that is the reason to look
    user_id             text        NOT NULL COLLATE "C",
    cause_at            timestamptz NOT NULL,
    due_at              timestamptz NOT NULL,
    waits_for_watermark boolean     NOT NULL,
    job_id              uuid,                                   -- the file that it waits for
    PRIMARY KEY (rule, cause)
) WITH (autovacuum_vacuum_scale_factor = 0.02);                 -- most rows are gone within seconds, and some stay for days
-- What is due, longest due first. Each wake lies in one of these, by what else it waits for: those that must go on waiting are
-- never in the way of those that may be taken.
CREATE INDEX wakes_at_once ON wakes (due_at) WHERE job_id IS NULL AND NOT waits_for_watermark;
CREATE INDEX wakes_after_watermark ON wakes (due_at) WHERE job_id IS NULL AND waits_for_watermark;
CREATE INDEX wakes_after_file ON wakes (job_id, due_at) WHERE job_id IS NOT NULL;
-- Those of one user, by the time of the cause.
CREATE INDEX wakes_by_user ON wakes (user_id, rule, cause_at);

CREATE TABLE watermarks (
    worker          text        PRIMARY KEY,
    accepted_before timestamptz NOT NULL,                       -- it holds no event that was accepted before this
    seen_at         timestamptz NOT NULL                        -- its last sign of life
) WITH (fillfactor = 50);                                       -- every worker updates its row in place, once a second

CREATE TABLE notifications (
    notification_id uuid        PRIMARY KEY,                    -- the same rule, user and cause have the same id
    rule            text        NOT NULL COLLATE "C",
    user_id         text        NOT NULL COLLATE "C",
    cause           uuid        NOT NULL,
    cause_at        timestamptz NOT NULL,
    state           text        NOT NULL CHECK (state IN ('held', 'pending', 'delivered', 'failed', 'suppressed', 'withdrawn')),
    suppression     text,                                       -- why it is suppressed
    message         text        NOT NULL,
    data            text        NOT NULL,                       -- JSON as it was written: jsonb would rewrite its numbers
    created_at      timestamptz NOT NULL,
    send_at         timestamptz NOT NULL,
    attempts        integer     NOT NULL,
    next_try_at     timestamptz,
    delivered_at    timestamptz,
    last_error      text,
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
    notice_no       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- in the order in which they came
    received_at     timestamptz NOT NULL,
    idempotency_key text,
    body            text        NOT NULL                        -- JSON as it was written: jsonb would rewrite its numbers
);
