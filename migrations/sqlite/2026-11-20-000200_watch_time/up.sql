-- Watch time, and slots of streams.
-- Times are microseconds since 1970 (UTC).

ALTER TABLE events ADD COLUMN slug TEXT;                        -- the movie that a heartbeat is about
UPDATE events SET slug = payload_text(body, 'slug') WHERE event_type = 'watch';
-- The heartbeats of one user and one movie in their order, for a pair that is folded again. Other events are not in it.
CREATE INDEX events_by_pair ON events (user_id, slug, occurred_at) WHERE slug IS NOT NULL;

CREATE TABLE watch_pairs (
    user_id           TEXT   NOT NULL,
    slug              TEXT   NOT NULL,
    state             TEXT,                                     -- null: nothing was folded yet; the rest is copied out of it
    watch_time_millis BIGINT NOT NULL DEFAULT 0,
    heartbeats        BIGINT NOT NULL DEFAULT 0,
    first_at          BIGINT,
    newest_at         BIGINT,
    base_at           BIGINT,                                   -- the edge that its base lies at
    PRIMARY KEY (user_id, slug)                                 -- one row to fold onto, and all movies of a user
) WITHOUT ROWID;
-- The viewers of a movie. No index on what every heartbeat changes: the movies of one user are few and quickly sorted.
CREATE INDEX watch_pairs_by_movie ON watch_pairs (slug, user_id);

CREATE TABLE watch_bases (                                      -- beside the states, which every heartbeat writes anew
    user_id TEXT NOT NULL,
    slug    TEXT NOT NULL,
    base    TEXT NOT NULL,
    PRIMARY KEY (user_id, slug)
) WITHOUT ROWID;

-- No index on totals: each heartbeat moves them, and a list of the most watched, which sorts them, is seldom asked for.
CREATE TABLE movie_totals (
    slug               TEXT   NOT NULL PRIMARY KEY,
    watch_time_millis  BIGINT NOT NULL,
    viewers            BIGINT NOT NULL,
    heartbeats         BIGINT NOT NULL,
    furthest_at_millis BIGINT NOT NULL,
    updated_at         BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE movie_buckets (
    slug       TEXT     NOT NULL,
    resolution SMALLINT NOT NULL,
    bucket_no  BIGINT   NOT NULL,
    viewers    BIGINT   NOT NULL,
    PRIMARY KEY (slug, resolution, bucket_no)                   -- a curve is one range
) WITHOUT ROWID;

CREATE TABLE user_totals (
    user_id           TEXT   NOT NULL PRIMARY KEY,
    watch_time_millis BIGINT NOT NULL,
    movies            BIGINT NOT NULL,
    heartbeats        BIGINT NOT NULL,
    updated_at        BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE watch_edge (
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    edge     BIGINT  NOT NULL                                   -- heartbeats before it move nothing any more
);

CREATE TABLE stream_slots (
    user_id      TEXT NOT NULL PRIMARY KEY,
    stream_limit INTEGER,                                       -- her own, where she has one
    leases       TEXT NOT NULL DEFAULT '[]',                    -- each as [stream_id, slug, device, started_at, expires_at]
    ended        TEXT NOT NULL DEFAULT '[]',                    -- each as [stream_id, how, ended_at]
    look_at      BIGINT                                         -- the first end of a lease when last saved; renewals leave it
) WITHOUT ROWID;
-- Whom the sweeper looks at next.
CREATE INDEX stream_slots_to_look_at ON stream_slots (look_at) WHERE look_at IS NOT NULL;

CREATE TABLE stream_news (
    news_no INTEGER NOT NULL PRIMARY KEY,
    body    TEXT    NOT NULL                                    -- the canonical event
);
