"""The thread-centric streaming protocol: the second view of what runs log, and the commands that clients send beside it.

The types of `langchain-protocol` define how its events and commands look; docs/thread-protocol.md says what is true here.
"""
