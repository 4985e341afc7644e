-- Adds messages to the bus and notes each tag's position, all or nothing; makes a new epoch if the bus lost something.
-- KEYS: bus, epoch, server. ARGV: last id the relay knows it published ('' = none), a fresh random epoch, most messages
-- kept, life of positions in ms, most positions of a shop, server time in ms when the drain began ('' = mid-drain), the drain's age in ms as the
-- relay measured it, then the messages as msgpack: [[encoded message, [[positions key, [tag, ...], shop tag], ...], when it was
-- committed at the earliest, by this server's clock ('' = not known)], ...] (an empty shop tag: nothing stands for all).
local bus, epoch_key, server_key = KEYS[1], KEYS[2], KEYS[3]
local known_last, fresh_epoch = ARGV[1], ARGV[2]
local most_messages, positions_ttl_ms, most_positions = ARGV[3], ARGV[4], tonumber(ARGV[5])
local drain_began_ms, measured_age_ms = tonumber(ARGV[6]), tonumber(ARGV[7])
local messages = cmsgpack.unpack(ARGV[8])

local function last_id()
  local info = redis.pcall('XINFO', 'STREAM', bus)
  if info.err then return '0-0' end
  for index = 1, #info, 2 do
    if info[index] == 'last-generated-id' then return info[index + 1] end
  end
  return '0-0'
end

local function is_less(left, right)
  local left_ms, left_number = string.match(left, '(%d+)-(%d+)')
  local right_ms, right_number = string.match(right, '(%d+)-(%d+)')
  left_ms, right_ms = tonumber(left_ms), tonumber(right_ms)
  if left_ms ~= right_ms then return left_ms < right_ms end
  return tonumber(left_number) < tonumber(right_number)
end

-- The bus is whole if the relay's last message is still on it. A relay that has published nothing yet cannot say;
-- then it must be the very server process that the last relay published to.
local epoch = redis.call('GET', epoch_key)
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') or ''
local is_whole
if known_last ~= '' then
  is_whole = not is_less(last_id(), known_last)
else
  is_whole = redis.call('GET', server_key) == server
end
if not epoch or not is_whole then
  epoch = fresh_epoch
  redis.call('SET', epoch_key, epoch)
end
redis.call('SET', server_key, server)

-- The drain's age is taken here, by the clock that also gives the message its id: a relay that froze between its SELECT
-- and this call must not look young. The larger of the two wins, in case this clock was set back meanwhile.
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local last = known_last
for index, message in ipairs(messages) do
  local encoded = message[1]
  if drain_began_ms and index == #messages then
    local fields = cmsgpack.unpack(encoded)
    fields[3] = math.ceil(math.max(measured_age_ms, now_ms - drain_began_ms))
    encoded = cmsgpack.pack(fields)
  end
  local entry = {'m', encoded}
  if message[3] ~= '' then entry = {'m', encoded, 'committed', message[3]} end
  last = redis.call('XADD', bus, 'MAXLEN', '~', most_messages, '*', unpack(entry))
  for _, positions in ipairs(message[2]) do
    for _, tag in ipairs(positions[2]) do
      redis.call('HSET', positions[1], tag, last)
    end
    if positions[3] ~= '' and redis.call('HLEN', positions[1]) > most_positions then
      redis.call('DEL', positions[1])
      redis.call('HSET', positions[1], positions[3], last)
    end
    redis.call('PEXPIRE', positions[1], positions_ttl_ms)
  end
end
return {epoch, last, now_ms}
