"""What Redis decides about hot carts: one script each, so one round trip and nobody in between.

What frees memory, or only marks, is allowed when memory is full: what is hot can still be closed and persisted then.
"""

from __future__ import annotations

from shopctl.core.adapters.redis_link import Script

MARK_SECONDS = 3600
"""How long a mark stays: longer than any process may still act on what it read of the database before."""

# KEYS: the cart's hash, the waiting set. ARGV: the cart's id, then version, hot_id and hot_revision of the database.
_HERE = f"""
local cart, waiting, id = KEYS[1], KEYS[2], ARGV[1]
local v, g, r, closed, changed = unpack(redis.call('HMGET', cart, 'v', 'g', 'r', 'c', 'u'))
local version = tonumber(ARGV[2])
local function continues()
  return g and (tonumber(v) == version or (g == ARGV[3] and tonumber(r) >= tonumber(ARGV[4])))
end
local function mark()
  redis.call('DEL', cart)
  redis.call('HSET', cart, 'v', ARGV[2])
  redis.call('EXPIRE', cart, {MARK_SECONDS})
  redis.call('ZREM', waiting, id)
end
"""

# ARGV 5…: term, copy, revision, changed, then the fields of the lines
_LOAD = """
if continues() or (v and (tonumber(v) > version or (tonumber(v) == version and closed))) then return end
redis.call('DEL', cart)
redis.call('HSET', cart, 'v', ARGV[2], 'g', ARGV[6], 'r', 0, 'u', ARGV[7])
for i = 8, #ARGV, 2 do redis.call('HSET', cart, ARGV[i], ARGV[i + 1]) end
redis.call('EXPIRE', cart, ARGV[5])
redis.call('ZREM', waiting, id)
"""

# ARGV 5…: term, sku, quantity, more, needs_line, most, price, now
_CHANGE = """
local term, sku, wanted, now = ARGV[5], ARGV[6], tonumber(ARGV[7]), ARGV[12]
if not continues() or closed or tonumber(changed) + tonumber(term) * 1000000 <= tonumber(now) then return false end
local line = 'q:' .. sku
local before = tonumber(redis.call('HGET', cart, line) or 0)
if ARGV[8] == '1' then wanted = before + wanted end
if before < 0 or wanted > tonumber(ARGV[10]) or (ARGV[9] == '1' and before == 0) then return false end
if wanted == 0 then
  redis.call('HDEL', cart, line, 'p:' .. sku, 't:' .. sku)
  redis.call('HSET', cart, 'r', tonumber(r) + 1, 'u', now)
else
  redis.call('HINCRBY', cart, line, wanted - before)
  if before == 0 then redis.call('HSET', cart, 't:' .. sku, now) end
  redis.call('HSET', cart, 'r', tonumber(r) + 1, 'u', now, 'p:' .. sku, ARGV[11])
end
redis.call('EXPIRE', cart, term)
redis.call('ZADD', waiting, 'NX', now, id)
return cjson.encode(redis.call('HGETALL', cart))
"""

_CLOSE = """
if continues() then
  redis.call('HSET', cart, 'c', 1)
  return cjson.encode(redis.call('HGETALL', cart))
end
if not v or tonumber(v) <= version then
  mark()
  redis.call('HSET', cart, 'c', 1)
end
return false
"""

_VOID = """
if v and tonumber(v) >= version then
  local now = redis.call('TIME')
  if redis.call('ZSCORE', waiting, id) then redis.call('ZADD', waiting, now[1] * 1000000 + now[2], id) end
else
  mark()
end
"""

# ARGV 3, 4: copy, revision
_PERSISTED = """
if g ~= ARGV[3] or tonumber(r) < tonumber(ARGV[4]) then return end
if tonumber(v) < version then redis.call('HSET', cart, 'v', ARGV[2]) end
if r == ARGV[4] then redis.call('ZREM', waiting, id) end
"""

SCRIPTS = {
    "load": Script("#!lua\n" + _HERE + _LOAD),
    "change": Script("#!lua\n" + _HERE + _CHANGE),
    "close": Script("#!lua flags=allow-oom\n" + _HERE + _CLOSE),
    "void": Script("#!lua flags=allow-oom\n" + _HERE + _VOID),
    "persisted": Script("#!lua flags=allow-oom\n" + _HERE + _PERSISTED),
}
