"""The gate that writes calls into the ledger, and the bound of a call's cost, which it reserves."""
