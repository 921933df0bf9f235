-- A budget counts calls that began before it did: without a row in reservations, because there may be very many.
ALTER TABLE budgets ADD COLUMN counted_at BIGINT NOT NULL DEFAULT 0;          -- when its window was counted from the calls
ALTER TABLE budgets ADD COLUMN counted_accounts TEXT NOT NULL DEFAULT '[]';   -- whose calls those were
