-- MCP calls an assistant by a name made of its own (store/assistants.py has the same expression).
CREATE INDEX assistants_tool_name ON assistants (left(regexp_replace(name, '[^A-Za-z0-9_.-]', '_', 'g'), 115), created_at, assistant_id);
