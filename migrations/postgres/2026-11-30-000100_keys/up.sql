-- Who may come in: keys, and tickets for sockets, on which browsers can show no key.

CREATE TABLE api_keys (
    key_id        text        PRIMARY KEY,                      -- 16 hex digits, as they stand in the key
    kind          text        NOT NULL CHECK (kind IN ('write', 'upload', 'read', 'admin')),
    name          text,
    secret_sha256 bytea       NOT NULL,
    origins       text        NOT NULL,                         -- with spaces between; empty: wherever it comes from
    created_at    timestamptz NOT NULL,
    expires_at    timestamptz,
    revoked_at    timestamptz,
    last_used_at  timestamptz                                   -- to the minute
);

CREATE TABLE socket_tickets (
    ticket_sha256 bytea       PRIMARY KEY,
    job_id        uuid,                                         -- whose socket it opens; none: the one of everything
    expires_at    timestamptz NOT NULL
);
