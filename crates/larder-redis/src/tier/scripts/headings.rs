//! Functions that several scripts use.

/// Prepends a function to a script: `slot(key)` returns the bytes of a slot. Returns false if the slot is
/// missing, is no string, or is longer than a record can be. Another program may have written such a string,
/// and the script would copy it.
macro_rules! slots {
    ($script:literal) => {
        concat!(
            "local function slot(key)
  local len = redis.pcall('STRLEN', key)
  return type(len) == 'number' and len <= 83886080 and redis.call('GET', key)
end
",
            $script
        )
    };
}

/// Prepends `slot` and three more functions to a script:
///
/// - `head(v)` returns the length of the header in front of a record, or false if `v` is no record.
/// - `now()` returns the time in ms.
/// - `current(of, range)` returns the generation that a slot must have: that of its range, or that of its
///   keyspace if `range` is missing or empty. Returns false if there is none. The last byte of the key of a
///   range is the number of its parts ([`crate::tier::ranges`]).
macro_rules! heading {
    ($script:literal) => {
        concat!(
            slots!(""),
            "local function head(v)
  local kind = v:byte(1)
  return kind == 1 and 9 or kind == 3 and #v > 24 and 25
end
local function now()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function current(of, range)
  local g = redis.pcall('GET', of)
  if type(g) ~= 'string' then return false end
  if not range or range == '' then return #g == 8 and g end
  if #g ~= 9 or g:sub(9) ~= range:sub(-1) then return false end
  local r = redis.pcall('GET', range)
  return type(r) == 'string' and #r == 16 and r:sub(1, 8) == g:sub(1, 8) and r:sub(9)
end
",
            $script
        )
    };
}

/// Does the same as `heading`, and prepends two more functions: `number(v, i)` returns the number in the
/// bytes `i` to `i + 7`. `grace(v)` returns how long a record is kept after its expiry. Bytes 33 to 40 of a
/// record are its expiry, and bytes 41 to 48 are the end of its grace. The caller checks that `v` has these
/// bytes.
macro_rules! reading {
    ($script:literal) => {
        concat!(
            heading!(
                "local function number(v, i)
  local n = 0
  for j = i, i + 7 do n = n * 256 + v:byte(j) end
  return n
end
local function grace(v)
  local h, n = head(v), 0
  for i = h + 33, h + 40 do n = n * 256 + v:byte(i + 8) - v:byte(i) end
  return n
end
"
            ),
            $script
        )
    };
}

/// Two functions for scripts that store or extend a record:
///
/// - `anew(of, range, new)` makes the generation that `current` did not find, from the random bytes `new`,
///   and returns it.
/// - `outlive(range, life)` lets the generation of a range live at least as long as a record, whose life is
///   given in ms, or as 0 for a record that never expires. It does nothing without a range.
macro_rules! storing {
    () => {
        "local function anew(of, range, new)
  local g = new:sub(1, 8)
  if not range or range == '' then
    redis.call('SET', of, g)
    return g
  end
  local whole = redis.pcall('GET', of)
  if type(whole) == 'string' and #whole == 9 and whole:sub(9) == range:sub(-1) then g = whole:sub(1, 8)
  else redis.call('SET', of, g .. range:sub(-1)) end
  redis.call('SET', range, g .. new:sub(9), 'PX', 172800000)
  return new:sub(9)
end
local function outlive(range, life)
  if not range or range == '' then return end
  local left = redis.call('PTTL', range)
  life = tonumber(life)
  if left < 0 then return end
  if life == 0 or life > 1e14 then redis.call('PERSIST', range)
  elseif left < life then redis.call('PEXPIRE', range, math.max(2 * life, 172800000)) end
end
"
    };
}
