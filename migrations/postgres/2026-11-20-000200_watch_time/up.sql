-- Watch time, and slots of streams.

ALTER TABLE events ADD COLUMN slug text COLLATE "C";            -- the movie that a heartbeat is about
UPDATE events SET slug = body::json -> 'payload' ->> 'slug' WHERE event_type = 'watch';
-- The heartbeats of one user and one movie in their order, for a pair that is folded again. Other events are not in it.
CREATE INDEX events_by_pair ON events (user_id, slug, occurred_at) WHERE slug IS NOT NULL;

CREATE TABLE watch_pairs (
    user_id           text        NOT NULL COLLATE "C",
    slug              text        NOT NULL COLLATE "C",
    state             text,                                     -- null: nothing was folded yet; the rest is copied out of it
    watch_time_millis bigint      NOT NULL DEFAULT 0,
    heartbeats        bigint      NOT NULL DEFAULT 0,
    first_at          timestamptz,
    newest_at         timestamptz,
    base_at           timestamptz,                              -- the edge that its base lies at
    open_from         timestamptz GENERATED ALWAYS AS (         -- from here on heartbeats were folded that no base holds
        CASE WHEN base_at IS NULL THEN first_at WHEN newest_at >= base_at THEN base_at END) STORED,
    PRIMARY KEY (user_id, slug)                                 -- one row to fold onto, and all movies of a user
) WITH (fillfactor = 70);                                       -- every heartbeat updates its pair in place
-- The viewers of a movie. No index on what every heartbeat changes: the movies of one user are few and quickly sorted, and
-- an update that leaves all indexes alone costs about half.
CREATE INDEX watch_pairs_by_movie ON watch_pairs (slug, user_id);
-- What needs a base. It changes with the first heartbeat of a pair, and once with each edge.
CREATE INDEX watch_pairs_open ON watch_pairs (open_from) WHERE open_from IS NOT NULL;

CREATE TABLE watch_bases (                                      -- beside the states, which every heartbeat writes anew
    user_id text NOT NULL COLLATE "C",
    slug    text NOT NULL COLLATE "C",
    base    text NOT NULL,
    PRIMARY KEY (user_id, slug)
);

-- No index on totals: each heartbeat moves them, and a list of the most watched, which sorts them, is seldom asked for.
CREATE TABLE movie_totals (
    slug               text        PRIMARY KEY COLLATE "C",
    watch_time_millis  bigint      NOT NULL DEFAULT 0,
    viewers            bigint      NOT NULL DEFAULT 0,
    heartbeats         bigint      NOT NULL DEFAULT 0,          -- 0: made only to be held
    furthest_at_millis bigint      NOT NULL DEFAULT 0,
    updated_at         timestamptz
) WITH (fillfactor = 50);                                       -- every batch updates the hottest rows in place

CREATE TABLE movie_buckets (
    slug       text     NOT NULL COLLATE "C",
    resolution smallint NOT NULL,
    bucket_no  bigint   NOT NULL,
    viewers    bigint   NOT NULL,
    PRIMARY KEY (slug, resolution, bucket_no)                   -- a curve is one range
) WITH (fillfactor = 70);

CREATE TABLE user_totals (
    user_id           text        PRIMARY KEY COLLATE "C",
    watch_time_millis bigint      NOT NULL DEFAULT 0,
    movies            bigint      NOT NULL DEFAULT 0,
    heartbeats        bigint      NOT NULL DEFAULT 0,           -- 0: made only to be held
    updated_at        timestamptz
) WITH (fillfactor = 70);

CREATE TABLE watch_edge (
    only_row smallint    PRIMARY KEY CHECK (only_row = 1),
    edge     timestamptz NOT NULL                               -- heartbeats before it move nothing any more
);

-- One row for each user, because it is what a start locks, counts and changes: rows of their own for leases could be renewed
-- while somebody counts them.
CREATE TABLE stream_slots (
    user_id      text          PRIMARY KEY COLLATE "C",
    stream_limit integer,                                       -- her own, where she has one
    -- Leases: the first of each array belong together, and so on. A renewal changes one element.
    stream_ids   text[]        NOT NULL DEFAULT '{}',
    slugs        text[]        NOT NULL DEFAULT '{}',
    devices      text[]        NOT NULL DEFAULT '{}',
    started_at   timestamptz[] NOT NULL DEFAULT '{}',
    expires_at   timestamptz[] NOT NULL DEFAULT '{}',
    ended        text          NOT NULL DEFAULT '[]',           -- JSON, each as [stream_id, how, ended_at]
    look_at      timestamptz                                    -- the first end of a lease when last saved; renewals leave it
) WITH (fillfactor = 50);                                       -- and so happen in place
-- Whom the sweeper looks at next.
CREATE INDEX stream_slots_to_look_at ON stream_slots (look_at) WHERE look_at IS NOT NULL;

CREATE TABLE stream_news (
    news_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    body    text   NOT NULL                                     -- the canonical event
);
