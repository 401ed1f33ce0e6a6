-- A lane whose topic holds what the journal lacks takes no commands: the relay finds it and closes it.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

GRANT UPDATE (stopped_reason) ON record.lane TO lodestone_relay;
