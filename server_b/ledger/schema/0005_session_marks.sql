-- Which token of RELAY_TOKENS a session was signed in with, as a mark that a holder of the token can check.
ALTER TABLE tokens ADD COLUMN signed_in_with TEXT NOT NULL DEFAULT '';
