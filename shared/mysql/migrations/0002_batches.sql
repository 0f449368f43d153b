-- What is kept of a factory's batches, for a host without a bucket. Neither table holds a secret.

-- The page about a batch. It is written last: a batch without one was never begun.
CREATE TABLE cvm_batches (
  `batch`   VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `about`   MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `begunAt` BIGINT NOT NULL,
  PRIMARY KEY (`batch`),
  KEY `age` (`begunAt`)
) ENGINE = InnoDB;

-- Its rows, a file cut into pieces.
CREATE TABLE cvm_batch_rows (
  `batch`   VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `piece`   INT UNSIGNED NOT NULL,
  `content` MEDIUMBLOB NOT NULL,
  `putAt`   BIGINT NOT NULL,
  PRIMARY KEY (`batch`, `piece`),
  KEY `age` (`putAt`)
) ENGINE = InnoDB;
