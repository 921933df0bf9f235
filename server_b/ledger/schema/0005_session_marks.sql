-- Marks which token of RELAY_TOKENS a session was signed in with. A holder of the token can check the mark.
ALTER TABLE tokens ADD COLUMN signed_in_with TEXT NOT NULL DEFAULT '';
