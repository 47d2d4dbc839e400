DROP TABLE line_rejects;
DROP TABLE log_entries;
DROP TABLE chunks;
DROP TABLE job_stages;
DROP TABLE jobs;
