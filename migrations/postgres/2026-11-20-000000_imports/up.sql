-- Uploaded files, the work on them, and what was read out of them.

CREATE TABLE jobs (
    job_id            uuid        PRIMARY KEY,                  -- UUIDv7: the newest is the largest
    status            text        NOT NULL CHECK (status IN ('receiving', 'queued', 'processing', 'completed', 'failed', 'cancelled')),
    run               integer     NOT NULL DEFAULT 0,           -- counts the retries
    file_name         text        NOT NULL,
    file_size_bytes   bigint      NOT NULL DEFAULT 0,
    sha256            text        NOT NULL DEFAULT '',
    blob_key          text        NOT NULL,
    blob_version      text        NOT NULL DEFAULT '',
    line_kind         text        NOT NULL,
    notify            boolean     NOT NULL,
    line_delay_ms_max integer     NOT NULL,
    request_id        text        NOT NULL,
    lines_total       bigint      NOT NULL DEFAULT 0,
    error_code        text,
    error_detail      text,
    created_at        timestamptz NOT NULL,
    started_at        timestamptz,
    completed_at      timestamptz,
    claimed_at        timestamptz,                              -- the last time that a worker took one of its chunks
    alive_at          timestamptz NOT NULL DEFAULT clock_timestamp()  -- while receiving: the upload's last sign of life
);
-- The list of jobs, whole or of one state, newest first; and what there is to do.
CREATE INDEX jobs_by_status ON jobs (status, job_id);

CREATE TABLE job_stages (
    job_id     uuid        NOT NULL,
    stage      smallint    NOT NULL,                            -- 0 queued, 1 started, 10 to 90 percent, 100 ended
    reached_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (job_id, stage)
);

CREATE TABLE chunks (
    job_id          uuid        NOT NULL,
    chunk_no        integer     NOT NULL,
    byte_from       bigint      NOT NULL,
    byte_to         bigint      NOT NULL,
    first_line      bigint      NOT NULL,
    next_byte       bigint      NOT NULL,                       -- the checkpoint: everything before it is in the tables
    next_line       bigint      NOT NULL,
    done            boolean     NOT NULL DEFAULT false,
    epoch           integer     NOT NULL DEFAULT 0,             -- a slice of an older epoch changes nothing
    idle_claims     integer     NOT NULL DEFAULT 0,             -- claims since the checkpoint last moved
    trying_line     bigint,                                     -- set only while going line by line
    worker          text,
    lease_until     timestamptz,
    lines_ingested  bigint      NOT NULL DEFAULT 0,
    lines_rejected  bigint      NOT NULL DEFAULT 0,
    lines_duplicate bigint      NOT NULL DEFAULT 0,
    events_applied  bigint      NOT NULL DEFAULT 0,
    rejects_kept    bigint      NOT NULL DEFAULT 0,
    entry_bytes     bigint      NOT NULL DEFAULT 0,             -- of the texts of its log entries, while they are kept
    PRIMARY KEY (job_id, chunk_no)
) WITH (fillfactor = 70);                                       -- every slice updates its chunk in place
-- What is open: small, whatever the number of jobs that are done.
CREATE INDEX chunks_open ON chunks (job_id, chunk_no) WHERE NOT done;

CREATE TABLE log_entries (
    job_id         uuid     NOT NULL,
    line_no        bigint   NOT NULL,
    occurred_at    timestamptz,
    level          smallint,                                    -- 0 trace to 5 fatal
    level_original text,
    message        text,
    service        text,
    attributes     text     NOT NULL,                           -- JSON as it was written: jsonb would rewrite its numbers
    PRIMARY KEY (job_id, line_no)
) PARTITION BY RANGE (job_id);                                  -- by month: a UUIDv7 begins with its time
-- Rows arrive roughly in the order of time: a range index is a thousandth of a tree.
CREATE INDEX log_entries_by_time ON log_entries USING brin (occurred_at);

CREATE TABLE line_rejects (
    job_id      uuid     NOT NULL,
    line_no     bigint   NOT NULL,
    byte_offset bigint   NOT NULL,
    code        text     NOT NULL,
    field       text,
    message     text     NOT NULL,
    raw         text     NOT NULL,
    PRIMARY KEY (job_id, line_no)
);
