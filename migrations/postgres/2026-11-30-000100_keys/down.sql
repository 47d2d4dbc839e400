DROP TABLE socket_tickets;
DROP TABLE api_keys;
