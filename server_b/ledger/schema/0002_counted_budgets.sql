-- A budget counts calls that began before it did: old ones without a row in reservations, because they may be very many.
ALTER TABLE budgets ADD COLUMN counted_at BIGINT NOT NULL DEFAULT 0;          -- calls that began before count by their time
ALTER TABLE budgets ADD COLUMN counted_accounts TEXT NOT NULL DEFAULT '[]';   -- whose calls those were
