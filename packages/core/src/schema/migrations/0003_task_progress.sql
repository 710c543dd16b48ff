-- How far a task has come that takes several provider calls, and the ids of all of them (a recall needs every one).
-- MySQL knows no ADD COLUMN IF NOT EXISTS.
SET @add_progress = IF(
  EXISTS (SELECT 1 FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'msg_channel_task' AND column_name = 'progress'),
  'DO 0',
  'ALTER TABLE `msg_channel_task` ADD COLUMN `progress` TEXT NULL AFTER `attempts`, MODIFY `provider_message_id` TEXT NULL'
);
--> statement-breakpoint
PREPARE add_progress FROM @add_progress;
--> statement-breakpoint
EXECUTE add_progress;
--> statement-breakpoint
DEALLOCATE PREPARE add_progress;
