-- The tables of the host form, in what MySQL 8 and MariaDB 10.6 have in common.
--
-- Names are ASCII and compared byte by byte (ascii_bin): `sn-1` and `SN-1` are two devices, and no collation makes two
-- names one. Moments are milliseconds since 1970 (UTC). A column that a version does not know, it leaves alone.

CREATE TABLE cvm_devices (
  -- The seed's five columns.
  `productid`    VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `accessToken`  VARCHAR(512) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `timestamp`    BIGINT NULL,
  `applyState`   TINYINT NOT NULL,
  `certID`       CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  -- What each write is conditional on.
  `revision`     BIGINT NOT NULL,
  `generation`   BIGINT NOT NULL,
  `epoch`        BIGINT NOT NULL,
  -- What the device is, and how it logs in.
  `auth`         VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NULL,
  `thingName`    VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `policyName`   VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `thingType`    VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NULL,
  `thingGroup`   VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NULL,
  `attributes`   MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  `reprovision`  VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NULL,
  -- What it asked for, and who works on it.
  `requestId`    CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
  `csr`          TEXT CHARACTER SET ascii COLLATE ascii_bin NULL,
  `owner`        CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
  `leaseUntil`   BIGINT NULL,
  -- What came of it.
  `certArn`      VARCHAR(512) CHARACTER SET ascii COLLATE ascii_bin NULL,
  `endpoint`     VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NULL,
  `bundle`       VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NULL,
  `bundleSha256` CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  `bundleUntil`  BIGINT NULL,
  `confirmedAt`  BIGINT NULL,
  `expiredAt`    BIGINT NULL,
  `error`        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  `failedAt`     BIGINT NULL,
  `retryAt`      BIGINT NULL,
  -- What the janitor lives by.
  `createsDay`   BIGINT NULL,
  `creates`      BIGINT NULL,
  `resent`       BIGINT NULL,
  `resentAt`     BIGINT NULL,
  `superseded`   MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  `waitsFor`     VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NULL,
  `waitsSince`   BIGINT NULL,
  -- Who changed it last, and the hash over all changes.
  `trailHead`    CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  `deed`         VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
  `author`       VARCHAR(512) CHARACTER SET ascii COLLATE ascii_bin NULL,
  `at`           BIGINT NULL,
  `reason`       VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  PRIMARY KEY (`productid`),
  KEY `waiting` (`waitsFor`, `waitsSince`),
  KEY `certificate` (`certID`),
  KEY `states` (`applyState`)
) ENGINE = InnoDB;

-- Every change of every row, written in the transaction of the change. Nobody needs a right to change one.
CREATE TABLE cvm_trails (
  -- The device, or a name that no device can have.
  `productid` VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  -- Where in the trail it stands; places sort as revisions do.
  `place`     VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `at`        BIGINT NOT NULL,
  `deed`      VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
  `facts`     TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `trailHead` CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  PRIMARY KEY (`productid`, `place`),
  KEY `moments` (`at`)
) ENGINE = InnoDB;

-- What may happen only once: used nonces, public keys with their devices, the servers' own keys.
CREATE TABLE cvm_guard (
  `guard`     VARCHAR(160) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `productid` VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NULL,
  `secret`    VARBINARY(64) NULL,
  -- Seconds since 1970: from then on the row may go.
  `forgetAt`  BIGINT NULL,
  PRIMARY KEY (`guard`),
  KEY `forgotten` (`forgetAt`)
) ENGINE = InnoDB;

-- What the janitor remembers from one round to the next.
CREATE TABLE cvm_marks (
  `mark` VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `at`   BIGINT NOT NULL,
  `says` TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  PRIMARY KEY (`mark`)
) ENGINE = InnoDB;

-- The work queue: a message is handed out when it is visible, and hidden from then on for a while.
CREATE TABLE cvm_orders (
  `id`        BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  `body`      MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `tenant`    VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NULL,
  -- 0: a device that asks by itself; 1: a batch, which waits behind those.
  `turn`      TINYINT NOT NULL,
  `sentAt`    BIGINT NOT NULL,
  `visibleAt` BIGINT NOT NULL,
  `receives`  INT NOT NULL DEFAULT 0,
  -- Who holds it: a name for one delivery.
  `receipt`   CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
  `reason`    VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  PRIMARY KEY (`id`),
  KEY `next` (`turn`, `visibleAt`, `id`)
) ENGINE = InnoDB;

-- The dead letters: what could not be done, with the reason. Worked off like a queue, by an operator.
CREATE TABLE cvm_dead_letters LIKE cvm_orders;

-- Bundles on their way to a device. One with a private key is sealed before it comes here.
CREATE TABLE cvm_bundles (
  `bundle`   VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `content`  MEDIUMBLOB NOT NULL,
  `stagedAt` BIGINT NOT NULL,
  PRIMARY KEY (`bundle`),
  KEY `age` (`stagedAt`)
) ENGINE = InnoDB;
