"""Alerts: messages to the operator when a budget reaches a threshold."""
