-- What operators do to messages: retry, cancel, recall (docs/adr/0012).
-- MySQL knows no ADD COLUMN IF NOT EXISTS. The reconciler's index ix_due finds what waits for the pipeline; no index is new.
SET @add_run_columns = IF(
  EXISTS (SELECT 1 FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'msg_message' AND column_name = 'rerun_channels'),
  'DO 0',
  'ALTER TABLE `msg_message`
     ADD COLUMN `revision` INT NOT NULL DEFAULT 0 AFTER `job_id`,
     ADD COLUMN `rerun_channels` TEXT NULL AFTER `revision`'
);
--> statement-breakpoint
PREPARE add_run_columns FROM @add_run_columns;
--> statement-breakpoint
EXECUTE add_run_columns;
--> statement-breakpoint
DEALLOCATE PREPARE add_run_columns;
--> statement-breakpoint
SET @add_task_columns = IF(
  EXISTS (SELECT 1 FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'msg_channel_task' AND column_name = 'recall_time'),
  'DO 0',
  'ALTER TABLE `msg_channel_task`
     ADD COLUMN `cancelled` TINYINT NOT NULL DEFAULT 0 AFTER `progress`,
     ADD COLUMN `retried_at` DATETIME(3) NULL AFTER `cancelled`,
     ADD COLUMN `recall_time` DATETIME NULL AFTER `retried_at`'
);
--> statement-breakpoint
PREPARE add_task_columns FROM @add_task_columns;
--> statement-breakpoint
EXECUTE add_task_columns;
--> statement-breakpoint
DEALLOCATE PREPARE add_task_columns;
