-- Events, how many there are, and the frames that could not be applied.
-- Times are microseconds since 1970 (UTC), ids are their 16 bytes.

CREATE TABLE events (
    event_id    BLOB   NOT NULL PRIMARY KEY,                    -- holds each event once
    occurred_at BIGINT NOT NULL,
    event_type  TEXT   NOT NULL,
    user_id     TEXT   NOT NULL,
    job_id      BLOB,                                           -- the file it came with
    body        TEXT   NOT NULL                                 -- the canonical event, its numbers as they were written
);
-- What one user did, newest first. No ids in the indexes: equal times are rare, and few rows are quickly sorted; with them
-- a batch takes a third longer.
CREATE INDEX events_by_user ON events (user_id, occurred_at);
-- All that happened, newest first; and the edges of what is counted, without a look at the rows.
CREATE INDEX events_by_time ON events (occurred_at, event_type);

CREATE TABLE event_types (
    event_type TEXT NOT NULL PRIMARY KEY                        -- seen, and counted by its name
) WITHOUT ROWID;

CREATE TABLE event_counts (
    quarter    BIGINT NOT NULL,                                 -- the beginning of 15 minutes
    event_type TEXT   NOT NULL,
    events     BIGINT NOT NULL,
    PRIMARY KEY (quarter, event_type)                           -- a range of time, and the one row to add to
) WITHOUT ROWID;

CREATE TABLE dead_letters (
    dead_letter_id BLOB   NOT NULL PRIMARY KEY,                 -- the same frame has the same id
    frame          BLOB   NOT NULL,
    event_id       BLOB,
    reason         TEXT   NOT NULL,
    buried_at      BIGINT NOT NULL
);
-- The list, newest first.
CREATE INDEX dead_letters_by_time ON dead_letters (buried_at, dead_letter_id);

CREATE TABLE frame_tries (
    frame_id BLOB    NOT NULL PRIMARY KEY,
    tries    INTEGER NOT NULL
) WITHOUT ROWID;
