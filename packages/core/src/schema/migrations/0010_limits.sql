-- How many sends each config has started in a calendar month of its provider's zone; only for configs with a monthly quota
-- (docs/adr/0016).
CREATE TABLE IF NOT EXISTS `msg_channel_quota` (
  `config_id` BIGINT NOT NULL,
  `month` CHAR(7) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `sends` INT NOT NULL,
  -- the usage of configs in a month
  PRIMARY KEY (`config_id`, `month`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
