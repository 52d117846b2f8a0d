INSERT INTO attempt (mac, at, source, file, outcome, detail, served, known, proved) VALUES ('0022EE000001', 1000001, '192.0.2.1', 'algom0022EE000001.conf', 'served', '', 1, 1, 1);
