-- How often what carried a message through the pipeline, or sent a task, ended without saying so: `interruptions`, whoever was
-- to blame; `crashes`, while nothing else was in its hand (docs/adr/0028). Read with the rows that are read anyway: no index.
-- MySQL knows no ADD COLUMN IF NOT EXISTS. At the end of the row: no table is rebuilt for it.
SET @add_message_interruptions = IF(
  EXISTS (SELECT 1 FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'msg_message' AND column_name = 'crashes'),
  'DO 0',
  'ALTER TABLE `msg_message`
     ADD COLUMN `interruptions` INT NOT NULL DEFAULT 0,
     ADD COLUMN `crashes` INT NOT NULL DEFAULT 0'
);
--> statement-breakpoint
PREPARE add_message_interruptions FROM @add_message_interruptions;
--> statement-breakpoint
EXECUTE add_message_interruptions;
--> statement-breakpoint
DEALLOCATE PREPARE add_message_interruptions;
--> statement-breakpoint
SET @add_task_interruptions = IF(
  EXISTS (SELECT 1 FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'msg_channel_task' AND column_name = 'crashes'),
  'DO 0',
  'ALTER TABLE `msg_channel_task`
     ADD COLUMN `interruptions` INT NOT NULL DEFAULT 0,
     ADD COLUMN `crashes` INT NOT NULL DEFAULT 0'
);
--> statement-breakpoint
PREPARE add_task_interruptions FROM @add_task_interruptions;
--> statement-breakpoint
EXECUTE add_task_interruptions;
--> statement-breakpoint
DEALLOCATE PREPARE add_task_interruptions;
