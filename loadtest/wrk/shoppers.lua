-- Every request is another shopper's: a page, a browser and a way there drawn anew, and a cookie nobody else has.
--
-- Arguments after --: the file of what is drawn from (written by loadtest/shoppers.py) and a seed. The pieces are ready
-- strings, so a request costs three random numbers and one concatenation; wrk itself must not be what is measured.

local random = math.random
local pages, browsers, slots, cookie
local number = 0

function init(args)
  local drawn = dofile(args[1])
  math.randomseed(tonumber(args[2]))
  pages, browsers = drawn.pages, drawn.browsers
  slots = by_zipf(#browsers)
  cookie = string.format("%08x", random(0, 0x7fffffff))
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

function request()
  local page = pages[random(#pages)]
  local visit = page.visits[random(#page.visits)]
  number = number + 1
  return page.line .. browsers[slots[random(#slots)]] .. visit.before .. cookie .. number .. visit.after
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "bytes": %d, "microseconds": %d, "p50_us": %d, "p99_us": %d, "failed": %d, "bad_status": %d}\n',
    summary.requests, summary.bytes, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.timeout, errors.status))
end
