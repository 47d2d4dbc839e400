-- Which processes are alive, and what they say of themselves.

CREATE TABLE replicas (
    name        text        PRIMARY KEY,
    role        text        NOT NULL,                           -- as what it was started: serve, ingest, worker
    version     text        NOT NULL,
    host        text,
    started_at  timestamptz NOT NULL,
    seen_at     timestamptz NOT NULL,                           -- its last sign of life
    slots       integer,                                        -- who works: so many chunks of files at once
    slots_taken integer
) WITH (fillfactor = 50);                                       -- every process updates its row in place, every few seconds
