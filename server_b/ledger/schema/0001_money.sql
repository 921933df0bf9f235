-- Times are microseconds since 1970 in UTC; money is nano-USD; NULL is unknown, never 0; flags are 0 or 1.
-- Objects and lists are JSON text. In SQLite a table marked as clustered is one tree, ordered by its key. No table contains the text of a prompt or an answer.

CREATE TABLE ledger (
    key TEXT PRIMARY KEY,           -- schema_version; revision, which grows with every change of policy
    value BIGINT NOT NULL
) /* clustered */;

CREATE TABLE servers (
    id TEXT PRIMARY KEY,            -- new at each start of a server
    host TEXT NOT NULL,
    pid BIGINT NOT NULL,
    process_started BIGINT NOT NULL,
    heartbeat_at BIGINT NOT NULL    -- by the database's clock
) /* clustered */;

CREATE TABLE calls (
    id TEXT PRIMARY KEY,            -- a UUIDv7
    request_id TEXT NOT NULL,
    caller TEXT NOT NULL,           -- the full name, such as gateway/alice
    account TEXT NOT NULL,          -- the name after the last slash: whose money it is
    protocol TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    state TEXT NOT NULL,            -- open, settled, lost, refused
    outcome TEXT NOT NULL DEFAULT '',
    is_failed BIGINT NOT NULL DEFAULT 0,
    input_tokens BIGINT,
    output_tokens BIGINT,
    cache_read_tokens BIGINT,
    cache_write_tokens BIGINT,
    reasoning_tokens BIGINT,
    accuracy TEXT NOT NULL DEFAULT 'unknown',
    nano_usd BIGINT,
    reserved_nano_usd BIGINT,
    charged_nano_usd BIGINT NOT NULL DEFAULT 0,
    is_overrun BIGINT NOT NULL DEFAULT 0,
    price_source TEXT NOT NULL DEFAULT '',
    service_tier TEXT NOT NULL DEFAULT '',
    joined BIGINT NOT NULL DEFAULT 0,
    started_at BIGINT NOT NULL,
    ended_at BIGINT,
    first_token_s DOUBLE PRECISION,
    duration_s DOUBLE PRECISION,
    tags TEXT NOT NULL DEFAULT '{}',
    trace_id TEXT NOT NULL DEFAULT '',
    server_id TEXT NOT NULL DEFAULT '',
    rate_tokens BIGINT              -- taken from the account's tokens a minute; NULL: there was no such limit
);
CREATE INDEX calls_started ON calls (started_at);
CREATE INDEX calls_account ON calls (account, started_at);
CREATE INDEX calls_request ON calls (request_id);
CREATE INDEX calls_open ON calls (account, server_id, started_at) WHERE state = 'open';
CREATE INDEX calls_unknown ON calls (started_at) WHERE nano_usd IS NULL AND state IN ('settled', 'lost');

CREATE TABLE attempts (
    call_id TEXT NOT NULL,
    number BIGINT NOT NULL,         -- from 1
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT,
    outcome TEXT NOT NULL DEFAULT '',
    may_have_worked BIGINT NOT NULL,
    PRIMARY KEY (call_id, number)
) /* clustered */;

CREATE TABLE reservations (         -- the windows that a call counts in
    call_id TEXT NOT NULL,
    budget_id TEXT NOT NULL,
    window_start BIGINT NOT NULL,
    PRIMARY KEY (call_id, budget_id)
) /* clustered */;

CREATE TABLE budgets (
    id TEXT PRIMARY KEY,
    caller TEXT NOT NULL DEFAULT '',
    tag TEXT NOT NULL DEFAULT '',   -- key=value; either caller or tag is set
    period TEXT NOT NULL,           -- day, week, month, total
    time_zone TEXT NOT NULL,
    limit_nano_usd BIGINT NOT NULL,
    is_warning_only BIGINT NOT NULL DEFAULT 0,
    raised_by_nano_usd BIGINT NOT NULL DEFAULT 0,
    raised_until BIGINT,
    created_at BIGINT NOT NULL,
    deleted_at BIGINT,
    revision BIGINT NOT NULL        -- the ledger's when it was last changed
);
CREATE INDEX budgets_revision ON budgets (revision);

CREATE TABLE windows (
    budget_id TEXT NOT NULL,
    starts_at BIGINT NOT NULL,      -- 0 for a budget of all time
    ends_at BIGINT,                 -- exclusive; NULL: never
    spent_nano_usd BIGINT NOT NULL DEFAULT 0,
    reserved_nano_usd BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (budget_id, starts_at)
) /* clustered */;

CREATE TABLE callers (
    name TEXT PRIMARY KEY,
    parent TEXT NOT NULL DEFAULT '',
    is_admin BIGINT NOT NULL DEFAULT 0,
    is_disabled BIGINT NOT NULL DEFAULT 0,
    models TEXT NOT NULL DEFAULT '[]',
    calls_per_minute BIGINT,
    tokens_per_minute BIGINT,
    concurrent_calls BIGINT,
    tags TEXT NOT NULL DEFAULT '{}',
    created_at BIGINT NOT NULL,
    revision BIGINT NOT NULL
);
CREATE INDEX callers_revision ON callers (revision);

CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    caller TEXT NOT NULL,
    digest TEXT NOT NULL UNIQUE,    -- SHA-256 of the secret, in hexadecimal
    label TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    revision BIGINT NOT NULL
);
CREATE INDEX tokens_revision ON tokens (revision);
CREATE INDEX tokens_caller ON tokens (caller);

CREATE TABLE prices (
    id TEXT PRIMARY KEY,
    pattern TEXT NOT NULL,
    input BIGINT NOT NULL,
    output BIGINT NOT NULL,
    cache_read BIGINT,
    cache_write BIGINT,
    valid_from BIGINT,
    valid_until BIGINT,
    created_at BIGINT NOT NULL,
    deleted_at BIGINT,
    revision BIGINT NOT NULL
);
CREATE INDEX prices_revision ON prices (revision);

CREATE TABLE rate_buckets (
    account TEXT NOT NULL,
    kind TEXT NOT NULL,             -- calls, tokens; concurrent only serves as a lock; refused: rows of refused calls
    level DOUBLE PRECISION NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (account, kind)
) /* clustered */;

CREATE TABLE adjustments (
    id TEXT PRIMARY KEY,
    call_id TEXT NOT NULL,
    nano_usd BIGINT NOT NULL,       -- added to the call's charge
    reason TEXT NOT NULL,
    made_by TEXT NOT NULL DEFAULT '',  -- empty: the relay itself
    made_at BIGINT NOT NULL
);
CREATE INDEX adjustments_call ON adjustments (call_id);

CREATE TABLE audit (
    id TEXT PRIMARY KEY,
    made_at BIGINT NOT NULL,
    made_by TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL DEFAULT ''
);
CREATE INDEX audit_made ON audit (made_at);

CREATE TABLE alerts (               -- the outbox: one for each threshold of a budget's window
    budget_id TEXT NOT NULL,
    window_start BIGINT NOT NULL,
    threshold BIGINT NOT NULL,      -- percent
    spent_nano_usd BIGINT NOT NULL,
    limit_nano_usd BIGINT NOT NULL,
    made_at BIGINT NOT NULL,
    try_at BIGINT NOT NULL,         -- when to send it, or to try again
    tries BIGINT NOT NULL DEFAULT 0,
    sent_at BIGINT,                 -- NULL: not yet
    last_error TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (budget_id, window_start, threshold)
) /* clustered */;
CREATE INDEX alerts_unsent ON alerts (try_at) WHERE sent_at IS NULL;

CREATE TABLE usage_hours (          -- calls that have ended, by the hour in which they started
    hour BIGINT NOT NULL,           -- its beginning, in UTC
    account TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    protocol TEXT NOT NULL,
    outcome TEXT NOT NULL,
    calls BIGINT NOT NULL DEFAULT 0,
    failed BIGINT NOT NULL DEFAULT 0,
    unknown_cost_calls BIGINT NOT NULL DEFAULT 0,
    joined BIGINT NOT NULL DEFAULT 0,
    input_tokens BIGINT NOT NULL DEFAULT 0,
    output_tokens BIGINT NOT NULL DEFAULT 0,
    cache_read_tokens BIGINT NOT NULL DEFAULT 0,
    cache_write_tokens BIGINT NOT NULL DEFAULT 0,
    reasoning_tokens BIGINT NOT NULL DEFAULT 0,
    nano_usd BIGINT NOT NULL DEFAULT 0,
    charged_nano_usd BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (hour, account, provider, model, protocol, outcome)
) /* clustered */;

INSERT INTO ledger (key, value) VALUES ('revision', 0);
