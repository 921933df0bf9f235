-- Calls that have ended, by the UTC day in which they started, so that a report over months reads few rows.
-- It counts every call of usage_hours, including hours that have been merged since.
CREATE TABLE usage_days (
    day BIGINT NOT NULL,            -- its beginning, in UTC
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
    PRIMARY KEY (day, account, provider, model, protocol, outcome)
) /* clustered */;

INSERT INTO usage_days
SELECT hour / 86400000000 * 86400000000, account, provider, model, protocol, outcome, CAST(SUM(calls) AS BIGINT),
    CAST(SUM(failed) AS BIGINT), CAST(SUM(unknown_cost_calls) AS BIGINT), CAST(SUM(joined) AS BIGINT),
    CAST(SUM(input_tokens) AS BIGINT), CAST(SUM(output_tokens) AS BIGINT), CAST(SUM(cache_read_tokens) AS BIGINT),
    CAST(SUM(cache_write_tokens) AS BIGINT), CAST(SUM(reasoning_tokens) AS BIGINT), CAST(SUM(nano_usd) AS BIGINT),
    CAST(SUM(charged_nano_usd) AS BIGINT)
FROM usage_hours GROUP BY 1, 2, 3, 4, 5, 6;
