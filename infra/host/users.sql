-- Database and users of the host form. Run first, by an administrator, and again whenever it has changed; grants.sql comes
-- after the tables are there (cvm-server migrate). For MySQL 8 and MariaDB 10.6 or later; nothing here is of one of them.
--
--     mariadb --host=HOST --user=ADMIN -p --ssl-ca=CA.pem --ssl-verify-server-cert < users.sql
--
-- Users are made locked, and so cannot log in until they have been given a password, or AWS's plugin on RDS. TLS is asked
-- of each, whatever the database asks by itself:
--
--     ALTER USER 'cvm_server'@'%' IDENTIFIED BY '...' ACCOUNT UNLOCK;
--     ALTER USER 'cvm_server'@'%' IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' ACCOUNT UNLOCK;    -- database_auth = "rds-iam"
--
-- With database_tls = "off", the server is on the database's own machine: then name 'cvm_server'@'localhost' in both files,
-- and take REQUIRE SSL from its line, for MySQL asks it of the socket as well.

CREATE DATABASE IF NOT EXISTS cvm CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The server: door, worker and janitor. What it may is in grants.sql.
CREATE USER IF NOT EXISTS 'cvm_server'@'%' REQUIRE SSL ACCOUNT LOCK;

-- Migrations, for as long as one takes: lock it again behind you (ALTER USER 'cvm_migrate'@'%' ACCOUNT LOCK).
CREATE USER IF NOT EXISTS 'cvm_migrate'@'%' REQUIRE SSL ACCOUNT LOCK;

-- Operators, who work with cvmctl: make an account like this one for each, for a trail has its name. What it may is in
-- grants.sql.
CREATE USER IF NOT EXISTS 'cvm_operator'@'%' REQUIRE SSL ACCOUNT LOCK;

-- Auditors: they read.
CREATE USER IF NOT EXISTS 'cvm_auditor'@'%' REQUIRE SSL ACCOUNT LOCK;

-- Make tables, columns and indexes, drop what a later version does not need, and move what is in them. It has the whole
-- database, for a right on a table can be given only when the table is there.
GRANT CREATE, ALTER, DROP, INDEX, REFERENCES, SELECT, INSERT, UPDATE, DELETE ON cvm.* TO 'cvm_migrate'@'%';
