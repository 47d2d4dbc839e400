-- Events, how many there are, and the frames that could not be applied.

CREATE TABLE events (
    event_id    uuid        NOT NULL,
    occurred_at timestamptz NOT NULL,
    event_type  text        NOT NULL COLLATE "C",
    user_id     text        NOT NULL COLLATE "C",
    job_id      uuid,                                           -- the file it came with
    body        text        NOT NULL,                           -- the canonical event: jsonb would rewrite its numbers
    -- A time is read in its order, whole or at the edges of what is counted. It holds an event once that lies where its id
    -- says; the others are held once by their keys.
    PRIMARY KEY (occurred_at, event_id)
) PARTITION BY RANGE (occurred_at);                             -- by month, and one for the time before the first
-- What one user did, newest first.
CREATE INDEX events_by_user ON events (user_id, occurred_at, event_id);

CREATE TABLE event_keys (
    event_id    uuid        PRIMARY KEY,                        -- only where it does not tell by itself where the event lies
    occurred_at timestamptz NOT NULL,
    stray       boolean     NOT NULL                            -- the id tells a time, but the event lies at another
);
-- What to forget: keys come roughly in the order of time, so a range index costs next to nothing.
CREATE INDEX event_keys_by_time ON event_keys USING brin (occurred_at);
-- Asked with each batch of events without keys. It is all but empty.
CREATE INDEX event_keys_stray ON event_keys (event_id) WHERE stray;

CREATE TABLE event_types (
    event_type text PRIMARY KEY COLLATE "C"                     -- seen, and counted by its name
);

CREATE TABLE event_counts (
    quarter    timestamptz NOT NULL,                            -- the beginning of 15 minutes
    event_type text        NOT NULL COLLATE "C",
    events     bigint      NOT NULL,
    PRIMARY KEY (quarter, event_type)                           -- a range of time, and the one row to add to
) WITH (fillfactor = 50);                                       -- every batch updates the newest rows in place

CREATE TABLE dead_letters (
    dead_letter_id uuid        PRIMARY KEY,                     -- the same frame has the same id
    frame          bytea       NOT NULL,
    event_id       uuid,
    reason         text        NOT NULL,
    buried_at      timestamptz NOT NULL
);
-- The list, newest first.
CREATE INDEX dead_letters_by_time ON dead_letters (buried_at, dead_letter_id);

CREATE TABLE frame_tries (
    frame_id uuid    PRIMARY KEY,
    tries    integer NOT NULL
);
