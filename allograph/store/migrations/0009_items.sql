-- LangGraph's table of items. Its time to live has fractions of a minute.
ALTER TABLE store ALTER COLUMN ttl_minutes TYPE double precision;

-- A search walks the newest items until its page is full, or looks up what a filter names, whichever is less.
CREATE INDEX store_by_update ON store (updated_at DESC);
CREATE INDEX store_by_value ON store USING gin (value jsonb_path_ops);
