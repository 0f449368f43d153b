-- What the server and auditors may, table by table. Run after users.sql and `cvm-server migrate`, by an administrator, and
-- again after each migration. Nothing is taken away here: who had more keeps it (SHOW GRANTS FOR 'cvm_server'@'%').

-- A record per device. No DELETE: a device that is gone would take its history's end along, and its certificate with it.
GRANT SELECT, INSERT, UPDATE ON cvm.cvm_devices TO 'cvm_server'@'%';

-- What was done to each device. Added to, never changed or deleted: whoever takes the server over cannot cover the traces.
GRANT SELECT, INSERT ON cvm.cvm_trails TO 'cvm_server'@'%';

-- What may happen only once: nonces, which are forgotten after a while (DELETE), and keys. No UPDATE: a key that is bound to a
-- device is never bound to another.
GRANT SELECT, INSERT, DELETE ON cvm.cvm_guard TO 'cvm_server'@'%';

-- What the janitor remembers from one round to the next, one row for each kind; a new mark replaces the old one.
GRANT SELECT, INSERT, UPDATE ON cvm.cvm_marks TO 'cvm_server'@'%';

-- Orders that wait for a worker: taken (UPDATE), and done with (DELETE).
GRANT SELECT, INSERT, UPDATE, DELETE ON cvm.cvm_orders TO 'cvm_server'@'%';

-- Orders that were given up, until an operator sends them again or drops them.
GRANT SELECT, INSERT, UPDATE, DELETE ON cvm.cvm_dead_letters TO 'cvm_server'@'%';

-- Bundles that wait for their device; shredding one is a DELETE. Staging one that is there already is an UPDATE, which leaves
-- it as it was.
GRANT SELECT, INSERT, UPDATE, DELETE ON cvm.cvm_bundles TO 'cvm_server'@'%';

-- What is kept of a factory's batches: the server only forgets them when their time is over.
GRANT SELECT, DELETE ON cvm.cvm_batches TO 'cvm_server'@'%';
GRANT SELECT, DELETE ON cvm.cvm_batch_rows TO 'cvm_server'@'%';

-- Which steps the tables have been through: a server refuses to start on tables that are too old for it.
GRANT SELECT ON cvm._sqlx_migrations TO 'cvm_server'@'%';

-- An operator adds devices and changes them, each change with its entry in the trail; takes none away.
GRANT SELECT, INSERT, UPDATE ON cvm.cvm_devices TO 'cvm_operator'@'%';
GRANT SELECT, INSERT ON cvm.cvm_trails TO 'cvm_operator'@'%';

-- An operator binds the keys of a batch, and moves bound keys from one store to another. Keys stay bound.
GRANT SELECT, INSERT ON cvm.cvm_guard TO 'cvm_operator'@'%';

-- An operator sees when the last round was; the server notes it.
GRANT SELECT ON cvm.cvm_marks TO 'cvm_operator'@'%';

-- An operator sends a batch's orders, counts what waits, and works dead letters off: looks (UPDATE), sends again, drops.
GRANT SELECT, INSERT ON cvm.cvm_orders TO 'cvm_operator'@'%';
GRANT SELECT, UPDATE, DELETE ON cvm.cvm_dead_letters TO 'cvm_operator'@'%';

-- An operator fetches a factory's bundles. One with a private key is sealed for its device.
GRANT SELECT ON cvm.cvm_bundles TO 'cvm_operator'@'%';

-- An operator keeps a batch's rows, to hold rows out against rows in.
GRANT SELECT, INSERT ON cvm.cvm_batches TO 'cvm_operator'@'%';
GRANT SELECT, INSERT, DELETE ON cvm.cvm_batch_rows TO 'cvm_operator'@'%';

-- Whether the tables are those that cvmctl knows.
GRANT SELECT ON cvm._sqlx_migrations TO 'cvm_operator'@'%';

-- An auditor follows a device's trail to the hash in its record.
GRANT SELECT ON cvm.cvm_devices TO 'cvm_auditor'@'%';
GRANT SELECT ON cvm.cvm_trails TO 'cvm_auditor'@'%';

-- An auditor sees what waits and what was given up; no secret is in either. Neither the guard, which has the key that nonces
-- are made with, nor the bundles are an auditor's.
GRANT SELECT ON cvm.cvm_orders TO 'cvm_auditor'@'%';
GRANT SELECT ON cvm.cvm_dead_letters TO 'cvm_auditor'@'%';
