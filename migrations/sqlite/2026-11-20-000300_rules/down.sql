DROP TABLE received_notices;
DROP TABLE notifications;
DROP TABLE watermarks;
DROP TABLE wakes;
ALTER TABLE events DROP COLUMN live;
