-- A session of the gateway's page: a token that ends with the one it was signed in with.
ALTER TABLE tokens ADD COLUMN session_of TEXT;   -- the id of that token, '' for one of RELAY_TOKENS; NULL: no session
CREATE INDEX tokens_sessions ON tokens (session_of) WHERE session_of IS NOT NULL;
