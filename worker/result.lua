-- result notes how a task ended, for the dashboard, unless asynq no longer has the task: a note alone would be a ghost that
-- blocks the task's id.
-- KEYS  1 asynq's task
-- ARGV  1 result
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('HSET', KEYS[1], 'result', ARGV[1])
end
return 1
