-- Uploaded files, the work on them, and what was read out of them.
-- Times are microseconds since 1970 (UTC), ids are their 16 bytes.

CREATE TABLE jobs (
    job_id            BLOB    NOT NULL PRIMARY KEY,             -- UUIDv7: the newest is the largest
    status            TEXT    NOT NULL CHECK (status IN ('receiving', 'queued', 'processing', 'completed', 'failed', 'cancelled')),
    run               INTEGER NOT NULL DEFAULT 0,               -- counts the retries
    file_name         TEXT    NOT NULL,
    file_size_bytes   BIGINT  NOT NULL DEFAULT 0,
    sha256            TEXT    NOT NULL DEFAULT '',
    blob_key          TEXT    NOT NULL,
    blob_version      TEXT    NOT NULL DEFAULT '',
    line_kind         TEXT    NOT NULL,
    notify            BOOLEAN NOT NULL,
    line_delay_ms_max INTEGER NOT NULL,
    request_id        TEXT    NOT NULL,
    lines_total       BIGINT  NOT NULL DEFAULT 0,
    error_code        TEXT,
    error_detail      TEXT,
    created_at        BIGINT  NOT NULL,
    started_at        BIGINT,
    completed_at      BIGINT,
    claimed_at        BIGINT,                                   -- the last time that a worker took one of its chunks
    alive_at          BIGINT  NOT NULL                          -- while receiving: the upload's last sign of life
) WITHOUT ROWID;
CREATE INDEX jobs_by_status ON jobs (status, job_id);

CREATE TABLE job_stages (
    job_id     BLOB     NOT NULL,
    stage      SMALLINT NOT NULL,                               -- 0 queued, 1 started, 10 to 90 percent, 100 ended
    reached_at BIGINT   NOT NULL,
    PRIMARY KEY (job_id, stage)
) WITHOUT ROWID;

CREATE TABLE chunks (
    job_id          BLOB    NOT NULL,
    chunk_no        INTEGER NOT NULL,
    byte_from       BIGINT  NOT NULL,
    byte_to         BIGINT  NOT NULL,
    first_line      BIGINT  NOT NULL,
    next_byte       BIGINT  NOT NULL,                           -- the checkpoint: everything before it is in the tables
    next_line       BIGINT  NOT NULL,
    done            BOOLEAN NOT NULL DEFAULT FALSE,
    epoch           INTEGER NOT NULL DEFAULT 0,                 -- a slice of an older epoch changes nothing
    idle_claims     INTEGER NOT NULL DEFAULT 0,                 -- claims since the checkpoint last moved
    trying_line     BIGINT,                                     -- set only while going line by line
    worker          TEXT,
    lease_until     BIGINT,
    lines_ingested  BIGINT  NOT NULL DEFAULT 0,
    lines_rejected  BIGINT  NOT NULL DEFAULT 0,
    lines_duplicate BIGINT  NOT NULL DEFAULT 0,
    events_applied  BIGINT  NOT NULL DEFAULT 0,
    rejects_kept    BIGINT  NOT NULL DEFAULT 0,
    entry_bytes     BIGINT  NOT NULL DEFAULT 0,                 -- of the texts of its log entries, while they are kept
    PRIMARY KEY (job_id, chunk_no)
) WITHOUT ROWID;
CREATE INDEX chunks_open ON chunks (job_id, chunk_no) WHERE NOT done;

CREATE TABLE log_entries (
    job_id         BLOB     NOT NULL,
    line_no        BIGINT   NOT NULL,
    occurred_at    BIGINT,
    level          SMALLINT,                                    -- 0 trace to 5 fatal
    level_original TEXT,
    message        TEXT,
    service        TEXT,
    attributes     TEXT     NOT NULL,                           -- JSON as it was written
    PRIMARY KEY (job_id, line_no)
) WITHOUT ROWID;

CREATE TABLE line_rejects (
    job_id      BLOB   NOT NULL,
    line_no     BIGINT NOT NULL,
    byte_offset BIGINT NOT NULL,
    code        TEXT   NOT NULL,
    field       TEXT,
    message     TEXT   NOT NULL,
    raw         TEXT   NOT NULL,
    PRIMARY KEY (job_id, line_no)
) WITHOUT ROWID;
