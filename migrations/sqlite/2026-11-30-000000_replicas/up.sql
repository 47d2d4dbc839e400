-- Which processes are alive, and what they say of themselves.
-- Times are microseconds since 1970 (UTC).

CREATE TABLE replicas (
    name        TEXT    NOT NULL PRIMARY KEY,
    role        TEXT    NOT NULL,                               -- as what it was started: serve, ingest, worker
    version     TEXT    NOT NULL,
    host        TEXT,
    started_at  BIGINT  NOT NULL,
    seen_at     BIGINT  NOT NULL,                               -- its last sign of life
    slots       INTEGER,                                        -- who works: so many chunks of files at once
    slots_taken INTEGER
) WITHOUT ROWID;
