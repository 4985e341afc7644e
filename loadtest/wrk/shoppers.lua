-- Every request is another shopper's: a page, a browser and a way there drawn anew, and a cookie nobody else has.
--
-- Arguments after --: the file of what is drawn from (written by loadtest/shoppers.py), a seed, and how many requests
-- are made before the first is sent. To make them all on the way would cost wrk up to a tenth of what it can ask, and wrk
-- itself must not be what is measured. What is asked beyond them is made on the way.

local random = math.random
local pages, browsers, slots, cookie
local number, ready = 0, {}

function init(args)
  local drawn = dofile(args[1])
  math.randomseed(tonumber(args[2]))
  pages, browsers = drawn.pages, drawn.browsers
  slots = by_zipf(#browsers)
  cookie = string.format("%08x", random(0, 0x7fffffff))
  for n = 1, tonumber(args[3]) do ready[n] = shopper(n) end
end

-- A table of 65,536 browser numbers in which the n-th stands in proportion to 1/n.
function by_zipf(count)
  local sum, found = 0, {}
  for rank = 1, count do sum = sum + 1 / rank end
  for rank = 1, count do
    for _ = 1, math.max(1, math.floor(65536 / rank / sum + 0.5)) do found[#found + 1] = rank end
  end
  return found
end

function shopper(n)
  local page = pages[random(#pages)]
  local visit = page.visits[random(#page.visits)]
  return page.line .. browsers[slots[random(#slots)]] .. visit.before .. cookie .. n .. visit.after
end

function request()
  number = number + 1
  return ready[number] or shopper(number)
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "bytes": %d, "microseconds": %d, "p50_us": %d, "p99_us": %d, "failed": %d, "bad_status": %d}\n',
    summary.requests, summary.bytes, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.timeout, errors.status))
end
