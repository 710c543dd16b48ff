-- The first schema. Rules of this folder: statements can be run again after a crash half-way (IF NOT EXISTS);
-- nothing here is edited once released; changes expand first and contract one release later.
--
-- Partitioned tables start with a catch-all partition; schema/partitions.ts splits the months off it.
CREATE TABLE IF NOT EXISTS `msg_message` (
  `id` BIGINT NOT NULL AUTO_INCREMENT,
  `message_id` VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `tenant_id` BIGINT NOT NULL,
  `store_id` BIGINT NULL,
  `business_type` VARCHAR(64) NOT NULL,
  `business_data` JSON NOT NULL,
  `business_data_text` MEDIUMTEXT NULL,
  `attributes` MEDIUMTEXT NULL,
  `target_channels` VARCHAR(255) NULL,
  `status` VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'PENDING',
  `error_code` VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
  `error_message` VARCHAR(500) NULL,
  `total_channels` INT DEFAULT 0,
  `success_channels` INT DEFAULT 0,
  `failed_channels` INT DEFAULT 0,
  `priority` TINYINT NOT NULL DEFAULT 5,
  `send_at` DATETIME(3) NULL,
  `expires_at` DATETIME(3) NULL,
  `accepted_at` DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  `job_id` VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  `due_time` DATETIME(3) NULL,
  `steps` TEXT NULL,
  `create_time` DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
  `update_time` DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  `finish_time` DATETIME NULL,
  PRIMARY KEY (`id`, `create_time`),
  -- a message by its id (the partition comes from msg_message_key); joins from the outcome writer
  UNIQUE KEY `uk_message` (`tenant_id`, `message_id`, `create_time`),
  -- GET /api/messages: a tenant's messages, newest first
  KEY `ix_tenant_time` (`tenant_id`, `create_time`, `id`),
  -- GET /api/messages?status=…, newest first
  KEY `ix_tenant_status` (`tenant_id`, `status`, `create_time`, `id`),
  -- reconciler: what should have moved by now (NULL once final)
  KEY `ix_due` (`due_time`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
PARTITION BY RANGE COLUMNS (`create_time`) (PARTITION `pmax` VALUES LESS THAN (MAXVALUE));
--> statement-breakpoint
CREATE TABLE IF NOT EXISTS `msg_message_key` (
  `tenant_id` BIGINT NOT NULL,
  `message_id` VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `create_time` DATETIME NOT NULL,
  `content_hash` CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `flush_id` CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  -- accept: is this id new, and where does its message live
  PRIMARY KEY (`tenant_id`, `message_id`),
  -- clean-up: keys whose partition is gone
  KEY `ix_create_time` (`create_time`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
--> statement-breakpoint
CREATE TABLE IF NOT EXISTS `msg_channel_task` (
  `id` BIGINT NOT NULL AUTO_INCREMENT,
  `tenant_id` BIGINT NOT NULL,
  `message_id` VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `channel_type` VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `channel_config_id` BIGINT NOT NULL,
  `message_type` VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
  `rendered_content` TEXT NULL,
  `recipients` MEDIUMTEXT NULL,
  `status` VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'PENDING',
  `retry_count` INT DEFAULT 0,
  `max_retry` INT DEFAULT 3,
  `next_retry_time` DATETIME NULL,
  `error_code` VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
  `result_message` VARCHAR(500) NULL,
  `third_party_response` TEXT NULL,
  `provider_message_id` VARCHAR(128) NULL,
  `generation` INT NOT NULL DEFAULT 0,
  `claim_token` VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  `lease_until` DATETIME(3) NULL,
  `attempts` TEXT NULL,
  `create_time` DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
  `update_time` DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  `finish_time` DATETIME NULL,
  PRIMARY KEY (`id`, `create_time`),
  -- the tasks of a message; makes dispatching the same message twice write one set of tasks
  UNIQUE KEY `uk_task` (`tenant_id`, `message_id`, `channel_type`, `channel_config_id`, `create_time`),
  -- GET /api/messages?channelType=…
  KEY `ix_tenant_channel` (`tenant_id`, `channel_type`, `create_time`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
PARTITION BY RANGE COLUMNS (`create_time`) (PARTITION `pmax` VALUES LESS THAN (MAXVALUE));
--> statement-breakpoint
CREATE TABLE IF NOT EXISTS `msg_channel_config` (
  `id` BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  `tenant_id` BIGINT NOT NULL,
  `store_id` BIGINT NULL,
  `channel_type` VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `channel_name` VARCHAR(64) NOT NULL,
  `config_json` TEXT NOT NULL,
  `priority` INT NOT NULL DEFAULT 1,
  `enabled` TINYINT NOT NULL DEFAULT 1,
  `rate_limit_count` INT NOT NULL DEFAULT 100,
  `rate_limit_window` INT NOT NULL DEFAULT 60,
  `rate_limit_unit` VARCHAR(10) NOT NULL DEFAULT 'SECOND',
  `time_window_enabled` TINYINT NOT NULL DEFAULT 0,
  `time_window_start_hour` INT NOT NULL DEFAULT 0,
  `time_window_end_hour` INT NOT NULL DEFAULT 23,
  `time_window_policy` VARCHAR(10) NOT NULL DEFAULT 'REJECT',
  `overflow_policy` VARCHAR(10) NOT NULL DEFAULT 'REJECT',
  `monthly_quota` INT NULL,
  `unknown_outcome_policy` VARCHAR(10) NOT NULL DEFAULT 'RESEND',
  `retry_max` INT NULL,
  `retry_initial_delay_ms` INT NULL,
  `version` INT NOT NULL DEFAULT 1,
  `create_time` DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
  `update_time` DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  -- routing: the configs of a store, else of its tenant
  KEY `ix_lookup` (`tenant_id`, `store_id`, `channel_type`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
--> statement-breakpoint
CREATE TABLE IF NOT EXISTS `msg_template` (
  `id` BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  `tenant_id` BIGINT NOT NULL,
  `business_type` VARCHAR(64) NOT NULL,
  `channel_type` VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `message_type` VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `template_name` VARCHAR(64) NOT NULL,
  `template_content` TEXT NOT NULL,
  `enabled` TINYINT NOT NULL DEFAULT 1,
  `version` INT NOT NULL DEFAULT 1,
  `create_time` DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
  `update_time` DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  -- one template each; also the look-up when rendering
  UNIQUE KEY `uk_template` (`tenant_id`, `business_type`, `channel_type`, `message_type`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
--> statement-breakpoint
CREATE TABLE IF NOT EXISTS `msg_system_config` (
  `tenant_id` BIGINT NOT NULL,
  `config_key` VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `config_value` TEXT NOT NULL,
  `updated_by` VARCHAR(128) NULL,
  `update_time` DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (`tenant_id`, `config_key`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
--> statement-breakpoint
CREATE TABLE IF NOT EXISTS `msg_inbox` (
  `id` BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  `tenant_id` BIGINT NOT NULL,
  `user_id` VARCHAR(128) NOT NULL,
  `message_id` VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `task_id` BIGINT NOT NULL,
  `message_type` VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `title` VARCHAR(255) NULL,
  `content` TEXT NOT NULL,
  `read_time` DATETIME(3) NULL,
  `create_time` DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  -- the same task delivered twice writes one row per reader
  UNIQUE KEY `uk_delivery` (`task_id`, `user_id`),
  -- a reader's inbox, newest first
  KEY `ix_reader` (`tenant_id`, `user_id`, `id`),
  -- clean-up by age
  KEY `ix_create_time` (`create_time`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
