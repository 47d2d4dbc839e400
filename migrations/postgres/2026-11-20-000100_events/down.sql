DROP TABLE frame_tries;
DROP TABLE dead_letters;
DROP TABLE event_counts;
DROP TABLE event_types;
DROP TABLE event_keys;
DROP TABLE events;
