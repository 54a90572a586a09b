"""The Agent2Agent protocol: an assistant is an agent, a context a thread, a task a run with the runs that resumed it."""
