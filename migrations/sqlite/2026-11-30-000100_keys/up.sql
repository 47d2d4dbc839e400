-- Who may come in: keys, and tickets for sockets, on which browsers can show no key.
-- Times are microseconds since 1970 (UTC).

CREATE TABLE api_keys (
    key_id        TEXT    NOT NULL PRIMARY KEY,                 -- 16 hex digits, as they stand in the key
    kind          TEXT    NOT NULL CHECK (kind IN ('write', 'upload', 'read', 'admin')),
    name          TEXT,
    secret_sha256 BLOB    NOT NULL,
    origins       TEXT    NOT NULL,                             -- with spaces between; empty: wherever it comes from
    created_at    BIGINT  NOT NULL,
    expires_at    BIGINT,
    revoked_at    BIGINT,
    last_used_at  BIGINT                                        -- to the minute
) WITHOUT ROWID;

CREATE TABLE socket_tickets (
    ticket_sha256 BLOB    NOT NULL PRIMARY KEY,
    job_id        BLOB,                                         -- whose socket it opens; none: the one of everything
    expires_at    BIGINT  NOT NULL
) WITHOUT ROWID;
