-- SPDX-License-Identifier: BSD-3-Clause
-- Pktgen for tests: what its Lua knows (app/lpktgenlib.c of Pktgen-DPDK 26.02), each function with the
-- arguments that it takes, in front of a gateway that carries LOSS_FREE percent of the line. Runs the
-- script that is named and prints every call, a line each, with "#" in front.
--   lua pktgen_mock.lua SCRIPT

local LOSS_FREE = tonumber(os.getenv("MOCK_LOSS_FREE") or "37")
local LINE = 10000 -- packets in a millisecond

local mac, address, port = "mac", "address", "port"
local function one_of(...)
  local set = {}
  for _, word in ipairs({ ... }) do set[word] = true end
  return set
end
local place = one_of("start", "inc", "min", "max")
local on_off = one_of("on", "off", "enable", "disable")
local ends = one_of("src", "dst")
local number, integer, text = "number", "integer", "string"

-- Arguments by function; a list of lists where there are several ways to call it.
local API = {
  set = { port, one_of("count", "size", "rate", "burst", "txburst", "rxburst", "cycles", "sport", "dport", "ttl",
    "seq_cnt", "seqCnt", "prime", "dump"), number },
  set_mac = { port, ends, mac },
  set_ipaddr = { port, ends, address },
  set_proto = { port, one_of("udp", "tcp", "icmp") },
  set_type = { port, one_of("ipv4", "ipv6", "vlan", "arp") },
  set_range = { port, on_off },
  pcap = { port, on_off },
  start = { port },
  stop = { port },
  clr = {},
  clear = { port },
  delay = { integer },
  sleep = { integer },
  screen = { on_off },
  page = { text },
  linkState = { port },
  isSending = { port },
  portStats = { port },
  latency = { { port, on_off }, { port, one_of("rate", "entropy"), integer } },
  latsampler = { port, on_off },
  latsampler_params = { port, one_of("simple", "poisson"), integer, integer, text },
  range = {
    dst_mac = { port, place, mac },
    src_mac = { port, place, mac },
    dst_ip = { port, place, address },
    src_ip = { port, place, address },
    src_port = { port, place, integer },
    dst_port = { port, place, integer },
    pkt_size = { port, place, integer },
    set_type = { port, one_of("ipv4", "ipv6") },
    ip_proto = { port, one_of("udp", "tcp", "icmp") },
  },
}

local function fits(kind, value)
  if type(kind) == "table" then return kind[value] == true end
  if kind == port then return math.type(value) == "integer" and value >= 0 and value < 2 end
  if kind == mac then return type(value) == "string" and value:match("^%x%x:%x%x:%x%x:%x%x:%x%x:%x%x$") end
  if kind == address then return type(value) == "string" and value:match("^%d+%.%d+%.%d+%.%d+/?%d*$") end
  if kind == integer then return math.type(value) == "integer" end
  return type(value) == kind
end

local function takes(arguments, given)
  if #arguments ~= given.n then return false end
  for i, kind in ipairs(arguments) do
    if not fits(kind, given[i]) then return false end
  end
  return true
end

-- What the ports have done.
local rate, sending, counted = {}, {}, {}
for p = 0, 1 do rate[p], counted[p] = 100, { opackets = 0, ipackets = 0 } end

local does = {
  set = function(p, what, value) if what == "rate" then rate[p] = value end end,
  start = function(p) sending[p] = true end,
  stop = function(p) sending[p] = nil end,
  clr = function() for p = 0, 1 do counted[p] = { opackets = 0, ipackets = 0 } end end,
  delay = function(ms)
    for p in pairs(sending) do
      counted[p].opackets = counted[p].opackets + math.floor(LINE * ms * rate[p] / 100)
      counted[1 - p].ipackets = counted[1 - p].ipackets + math.floor(LINE * ms * math.min(rate[p], LOSS_FREE) / 100)
    end
  end,
  portStats = function(p) return { [p] = { curr = counted[p], sizes = {}, qstats = {} }, n = 1 } end,
  linkState = function(p) return { [p] = os.getenv("MOCK_LINK") or "<UP-10000-FD>", n = 1 } end,
}

local function strict(api, name)
  return setmetatable({}, {
    __index = function(_, key)
      local arguments = api[key]
      local whole = name .. "." .. key
      if arguments == nil then error(whole .. " is not a function of Pktgen", 2) end
      if key == "range" then return strict(arguments, whole) end
      return function(...)
        local given = table.pack(...)
        local ways = type(arguments[1]) == "table" and arguments[1][1] and arguments or { arguments }
        local fine = false
        for _, way in ipairs(ways) do fine = fine or takes(way, given) end
        local words = {}
        for i = 1, given.n do words[i] = tostring(given[i]) end
        local call = whole .. "(" .. table.concat(words, ", ") .. ")"
        if not fine then error(call .. " is not what Pktgen takes", 2) end
        print("# " .. call)
        return does[key] and does[key](...)
      end
    end,
    __newindex = function(_, key) error("sets " .. name .. "." .. key, 2) end,
  })
end

pktgen = strict(API, "pktgen")
dofile(arg[1])
