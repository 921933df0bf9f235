-- A budget also counts calls that began before it was made. Old ones have no row in reservations, because there may be very many.
ALTER TABLE budgets ADD COLUMN counted_at BIGINT NOT NULL DEFAULT 0;          -- earlier calls count by their start time
ALTER TABLE budgets ADD COLUMN counted_accounts TEXT NOT NULL DEFAULT '[]';   -- the accounts whose earlier calls were counted
