-- Who made a run or a cron: what authentication said of the user, with whatever secrets it gave the graphs. Of a run only until it
-- has ended.
ALTER TABLE runs ADD COLUMN auth_user json;
ALTER TABLE crons ADD COLUMN auth_user json;
