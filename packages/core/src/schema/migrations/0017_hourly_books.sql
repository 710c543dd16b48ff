-- The books (docs/adr/0031): for each hour of acceptance, how many messages there should be and what has become of them.
CREATE TABLE IF NOT EXISTS `msg_hourly_books` (
  `hour` DATETIME NOT NULL,
  `accepted` INT NOT NULL,
  `success` INT NOT NULL,
  `partial_success` INT NOT NULL,
  `failed` INT NOT NULL,
  `waiting` INT NOT NULL,
  `missing` INT NOT NULL,
  `top_tenants` TEXT NOT NULL,
  `checked_at` DATETIME(3) NOT NULL,
  -- the last hours; clean-up by age
  PRIMARY KEY (`hour`),
  -- /metrics: the hours that do not balance
  KEY `ix_missing` (`missing`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
