"""Who may touch what. One mechanism: an `Auth` of `langgraph_sdk`, a project's own or a ready-made one.

    users       who a request comes from
    policy      the `Auth` that is in force: asks its handlers, reads their answers
    middleware  every request is authenticated before anything else is done with it
    guard       what handlers ask before they do something, and what statements are restricted to

Nothing else decides about access.
"""
