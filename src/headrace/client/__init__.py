"""Publish and subscribe from Python, and SRT sockets for asyncio."""
