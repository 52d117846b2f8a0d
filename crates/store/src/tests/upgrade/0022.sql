-- With the key of octets 7.
INSERT INTO audit (account, at, by, action, detail, by_program, place, link) VALUES ('one', 1000000, 'portal', 'see many wrong passwords', 'last from 192.0.2.1', 2, 1, X'6AB510C291AADA0CBA1D271D1BDAEFA79AA87960720BEE6A6D2248E19BE101A4');
UPDATE audit_bounds SET last = 1, last_link = X'6AB510C291AADA0CBA1D271D1BDAEFA79AA87960720BEE6A6D2248E19BE101A4', seal = X'C83B3FC3966F3EACB93AFA17AEC4F2330E49796364D1F376375D66502EC0C9FE' WHERE account = 'one' AND by_program = 2;
