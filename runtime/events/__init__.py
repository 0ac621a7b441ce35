"""Answers into events: when something begins and when it ends. Pure; frames, not clocks."""
