"""What a call may cost and does cost: the gate that writes calls into the ledger, and the bound that it reserves."""
