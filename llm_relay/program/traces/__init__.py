"""Traces, sent as spans to an OTLP receiver."""
