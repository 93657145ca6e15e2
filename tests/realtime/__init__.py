"""Tests of the room realtime/."""
