"""Headrace: live video streaming over SRT. Producers send, a broker forwards, clients subscribe."""
