"""Alerts: what an operator is told when a budget reaches a threshold."""
